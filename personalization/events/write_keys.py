"""Write keys: made at random, kept as a digest, shown once."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q, QuerySet

from personalization.events.models import Source, WriteKey

#: How much of a key is kept in the clear, to tell it from others.
HINT = 6
LONGEST = 64


def new_write_key() -> str:
    return secrets.token_urlsafe(24)


def digest_of(key: str) -> str:
    # A key is 192 random bits: there is nothing to guess, so nothing to salt or to slow down.
    return hashlib.sha256(key.encode()).hexdigest()


def is_write_key(text: str) -> bool:
    """Return whether `text` can be a key at all: up to 64 characters that can be seen."""
    return 0 < len(text) <= LONGEST and text.isprintable()


def add_write_key(
    source: Source, *, key: str | None = None, expires_at: datetime | None = None
) -> str:
    """Give `source` one more key, a new one unless `key` is given; return it in the clear.

    A given key is for what is public anyway, such as the tracker's in the settings: of a
    short one, the digest would give it away.

    :raises ValueError: when `key` cannot be one.
    """
    key = new_write_key() if key is None else key
    if not is_write_key(key):
        raise ValueError(f"A write key has 1 to {LONGEST} printable characters.")
    hint = key[: min(HINT, len(key) // 4)]
    WriteKey.objects.create(source=source, digest=digest_of(key), hint=hint, expires_at=expires_at)
    return key


def active_keys(source: Source, *, now: datetime) -> QuerySet[WriteKey]:
    """Return the keys of `source` that work at `now`."""
    return source.write_keys.filter(Q(expires_at=None) | Q(expires_at__gt=now))


def source_of(key: str, *, now: datetime) -> Source | None:
    """Return the active source that `key` works for at `now`."""
    return Source.objects.filter(
        Q(write_keys__expires_at=None) | Q(write_keys__expires_at__gt=now),
        write_keys__digest=digest_of(key),
        active=True,
    ).first()


@transaction.atomic
def rotate_write_key(source: Source, *, keep: timedelta | None, now: datetime) -> str:
    """Give `source` a new key and return it in the clear.

    Its others work for `keep` longer, unless they end sooner; for ever when it is None.
    """
    others = list(active_keys(source, now=now))
    key = add_write_key(source)
    if keep is not None:
        end_keys(others, at=now + keep)
    return key


def end_keys(keys: list[WriteKey], *, at: datetime) -> None:
    """Let `keys` end at `at`; those that end sooner do so."""
    for key in keys:
        if key.expires_at is None or key.expires_at > at:
            key.expires_at = at
            key.save(update_fields=["expires_at"])
