"""Pseudonyms and proofs: made with keys of the site, each kind with a key of its own.

A pseudonym stands for an identity where the identity itself may not stand: whoever has it
and not the key learns nothing from it, and the site finds what belongs together.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Sequence

from django.conf import settings as django_settings

from personalization.conf import settings


def pseudonym(kind: str, *parts: str) -> str:
    """Return what stands for `parts` in things of `kind`: 64 hexadecimal digits."""
    return _digest(_keys()[0], kind, parts)


def pseudonyms(kind: str, *parts: str) -> tuple[str, ...]:
    """Return what may stand for `parts`, by every key that still counts, the newest first."""
    return tuple(_digest(key, kind, parts) for key in _keys())


def proof(kind: str, text: str) -> str:
    """Return what proves that the site has written `text`: 64 hexadecimal digits."""
    return pseudonym(kind, text)


def proves(kind: str, text: str, stated: str) -> bool:
    """Return whether `stated` is a proof of `text`, made with any key that still counts."""
    return any(hmac.compare_digest(each, stated) for each in pseudonyms(kind, text))


def _keys() -> Sequence[str]:
    """Return the keys, the one that is used for what is new first."""
    if settings.PRIVACY_KEYS:
        return settings.PRIVACY_KEYS
    return (
        django_settings.SECRET_KEY,
        *(_text(key) for key in django_settings.SECRET_KEY_FALLBACKS),
    )


def _text(key: str | bytes) -> str:
    return key if isinstance(key, str) else key.decode()


def _digest(key: str, kind: str, parts: Sequence[str]) -> str:
    # A list in JSON, so that ("ab", "c") and ("a", "bc") are two things.
    text = json.dumps(["personalization", kind, *parts], separators=(",", ":"))
    return hmac.new(key.encode(), text.encode(), hashlib.sha256).hexdigest()
