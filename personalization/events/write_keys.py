"""Write keys: made at random, kept as a digest, shown once."""

from __future__ import annotations

import hashlib
import secrets

from personalization.events.models import Source, WriteKey

HINT = 6


def new_write_key() -> str:
    return secrets.token_urlsafe(24)


def digest_of(key: str) -> str:
    # A key is 192 random bits: there is nothing to guess, so nothing to salt or to slow down.
    return hashlib.sha256(key.encode()).hexdigest()


def add_write_key(source: Source, *, key: str | None = None) -> str:
    """Give `source` one more key, a new one unless `key` is given; return it in the clear."""
    key = key or new_write_key()
    WriteKey.objects.create(source=source, digest=digest_of(key), hint=key[:HINT])
    return key
