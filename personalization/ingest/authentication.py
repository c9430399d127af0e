"""Which source a request comes from: by its write key, wherever the client puts it."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from typing import Any

from django.db import connections, router
from django.http import HttpRequest

from personalization.events.models import Source
from personalization.exceptions import Unauthorized


def authenticated_source(request: HttpRequest, body: Mapping[str, Any]) -> Source:
    """Return the active source whose key the request carries.

    The key in the body comes first: an Authorization header may belong to the
    password in front of a staging site.

    :raises Unauthorized: without a key, or with one nobody has.
    """
    for key in _keys(request, body):
        source = _active_source(key)
        if source is not None:
            return source
    raise Unauthorized


def _active_source(key: str) -> Source | None:
    """Return the source with what a request needs of it, the rest deferred.

    In plain SQL: building the query with the ORM takes longer than running it.
    """
    alias = router.db_for_read(Source)
    with connections[alias].cursor() as cursor:
        cursor.execute(_SQL, [key, True])
        row = cursor.fetchone()
    return Source.from_db(alias, _COLUMNS, row) if row else None


_COLUMNS = ("id", "slug", "kind")
_SQL = (  # of names of our own; the values are parameters
    f"SELECT {', '.join(_COLUMNS)} FROM {Source._meta.db_table}"  # noqa: S608
    " WHERE write_key = %s AND active = %s"
)


def _keys(request: HttpRequest, body: Mapping[str, Any]) -> Iterator[str]:
    scheme, _, credentials = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
    candidates = [body.get("writeKey"), request.GET.get("writeKey")]
    if scheme.lower() == "basic":
        candidates.append(_basic_user(credentials))
    elif scheme.lower() == "bearer":
        candidates.append(credentials.strip())
    for key in candidates:
        if isinstance(key, str) and 0 < len(key) <= 64 and key.isprintable():
            yield key


def _basic_user(credentials: str) -> str:
    try:
        decoded = base64.b64decode(credentials, validate=True).decode()
    except ValueError:  # not base64, not ASCII, not UTF-8
        return ""
    return decoded.partition(":")[0]
