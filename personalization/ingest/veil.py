"""What a browser carries for the site and need not read: put under a stream that only we can make.

It is HMAC-SHA256 in counter mode (NIST SP 800-108r1, 4.1). Whoever uses it signs the text, and
never takes one salt for two texts.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping
from typing import Any

from django.core.signing import b64_decode, b64_encode
from django.utils.crypto import salted_hmac

_BLOCK = 32


def veiled(content: Mapping[str, Any], *, salt: str, secret: str | bytes) -> str:
    """Return some JSON as a text that says nothing to who lacks the secret."""
    told = json.dumps(content, separators=(",", ":")).encode()
    return b64_encode(_under(told, salt, secret)).decode()


def unveiled(text: str, *, salt: str, secret: str | bytes) -> Any:
    """Return what `veiled` was given, by the same salt and secret."""
    return json.loads(_under(b64_decode(text.encode()), salt, secret))


def _under(told: bytes, salt: str, secret: str | bytes) -> bytes:
    key = salted_hmac(f"{__name__}.{salt}", b"", secret=secret, algorithm="sha256").digest()
    blocks = (
        hmac.digest(key, at.to_bytes(4, "big"), "sha256") for at in range(-(-len(told) // _BLOCK))
    )
    return bytes(one ^ other for one, other in zip(told, b"".join(blocks), strict=False))
