"""Which source a request comes from: by its write key, wherever the client puts it."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator
from typing import Any

from django.db import connections, router
from django.http import HttpRequest
from django.utils import timezone

from personalization.events.models import Source, WriteKey
from personalization.events.write_keys import digest_of
from personalization.exceptions import Unauthorized


def authenticated_source(request: HttpRequest, keys: Iterable[Any]) -> Source:
    """Return the active source one of whose keys the request carries.

    `keys` come from the body and the query. They come first: an Authorization header may
    belong to the password in front of a staging site.

    :raises Unauthorized: without a key, or with one nobody has.
    """
    for key in _candidates(request, keys):
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
        cursor.execute(_SQL, [digest_of(key), True, timezone.now()])
        row = cursor.fetchone()
    return Source.from_db(alias, COLUMNS, row) if row else None


COLUMNS = ("id", "slug", "kind", "schemas", "allowed_origins", "rate_limit")
_SQL = (  # of names of our own; the values are parameters
    f"SELECT {', '.join(f'source.{column}' for column in COLUMNS)}"  # noqa: S608
    f" FROM {Source._meta.db_table} source"
    f" JOIN {WriteKey._meta.db_table} write_key ON write_key.source_id = source.id"
    " WHERE write_key.digest = %s AND source.active = %s"
    " AND (write_key.expires_at IS NULL OR write_key.expires_at > %s)"
)


def _candidates(request: HttpRequest, keys: Iterable[Any]) -> Iterator[str]:
    scheme, _, credentials = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
    candidates = list(keys)
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
