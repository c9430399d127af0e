"""Which source a request comes from: by its write key, wherever the client puts it."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Any

from django.db import connections, router, transaction
from django.db.models.signals import post_delete, post_save
from django.http import HttpRequest

from personalization.events.models import Source, WriteKey
from personalization.events.write_keys import digest_of, is_write_key
from personalization.exceptions import Unauthorized
from personalization.ingest.recent import Recent

#: How long a key that was good is believed to be so. A source that is switched off, or a key
#: that ends, is refused at once where it was done and so much later everywhere else.
FRESH = timedelta(seconds=5)
#: More places than any protocol has for a key.
_MOST_KEYS = 8

Row = tuple[Any, ...]


@dataclass(frozen=True)
class _Read:
    """The columns of a source, and when they were read."""

    at: datetime
    row: Row


#: By the digest of a key. Only what was good: wrong keys are without number.
_read: Recent[str, _Read] = Recent(1024)


def authenticated_source(request: HttpRequest, keys: Iterable[Any], *, now: datetime) -> Source:
    """Return the active source one of whose keys the request carries.

    `keys` come from the body and the query. They come first: an Authorization header may
    belong to the password in front of a staging site.

    :raises Unauthorized: without a key, or with one nobody has.
    """
    digests = list(dict.fromkeys(map(digest_of, _candidates(request, keys))))
    known = {digest: row for digest in digests if (row := _remembered(digest, now=now))}
    if unknown := list(takewhile(lambda digest: digest not in known, digests)):
        known |= _find(unknown, now=now)
    for digest in digests:
        if row := known.get(digest):
            return Source.from_db(router.db_for_read(Source), COLUMNS, row)
    raise Unauthorized


def _remembered(digest: str, *, now: datetime) -> Row | None:
    known = _read.get(digest)
    if known is None or not timedelta(0) <= now - known.at < FRESH:
        return None
    return known.row


def _find(digests: Sequence[str], *, now: datetime) -> Mapping[str, Row]:
    """Return the active sources of `digests`, with what a request needs of them.

    In plain SQL: building the query with the ORM takes longer than running it.
    """
    connection = connections[router.db_for_read(Source)]
    places = ", ".join(["%s"] * len(digests))
    moment = connection.ops.adapt_datetimefield_value(now)
    with connection.cursor() as cursor:
        cursor.execute(_SQL % places, [*digests, True, moment])
        found = {row[0]: row[1:] for row in cursor.fetchall()}
    for digest, row in found.items():
        _read.put(digest, _Read(now, row))
    return found


COLUMNS = ("id", "slug", "kind", "schemas", "allowed_origins", "rate_limit")
_SQL = (  # of names of our own; the values are parameters
    f"SELECT write_key.digest, {', '.join(f'source.{column}' for column in COLUMNS)}"  # noqa: S608
    f" FROM {Source._meta.db_table} source"
    f" JOIN {WriteKey._meta.db_table} write_key ON write_key.source_id = source.id"
    " WHERE write_key.digest IN (%s) AND source.active = %%s"
    " AND (write_key.expires_at IS NULL OR write_key.expires_at > %%s)"
)


def _candidates(request: HttpRequest, keys: Iterable[Any]) -> Iterator[str]:
    scheme, _, credentials = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
    candidates = list(keys)[:_MOST_KEYS]
    if scheme.lower() == "basic":
        candidates.append(_basic_user(credentials))
    elif scheme.lower() == "bearer":
        candidates.append(credentials.strip())
    return (key for key in candidates if isinstance(key, str) and is_write_key(key))


def _basic_user(credentials: str) -> str:
    try:
        decoded = base64.b64decode(credentials, validate=True).decode()
    except ValueError:  # not base64, not ASCII, not UTF-8
        return ""
    return decoded.partition(":")[0]


def forget(**kwargs: object) -> None:
    """Ask the database again about every key."""
    _read.clear()


def _forget_now_and_then(**kwargs: object) -> None:
    """Forget, and once more when others can see the change: they may have asked meanwhile."""
    forget()
    transaction.on_commit(forget)


for _model in (Source, WriteKey):
    for _signal in (post_save, post_delete):
        _signal.connect(_forget_now_and_then, sender=_model, dispatch_uid="personalization.keys")
