"""How a receiver tells that a webhook comes from here: HMAC-SHA256 over time and body.

The header is `t=1700000000,v1=<hex>`: the seconds since the epoch at which it was sent, and
the HMAC of `<t>.<body>` with the secret of the webhook as key. The time is signed along, so
that whoever overhears a request cannot send it again much later.
"""

from __future__ import annotations

import hmac
import secrets
from datetime import datetime, timedelta

HEADER = "X-Personalization-Signature"
#: What a secret begins with, by which people and scanners know what it is.
PREFIX = "whsec_"
#: How far the clocks of both sides may be apart, with the time that a request travels.
TOLERANCE = timedelta(minutes=5)


def new_secret() -> str:
    """Return a secret of 256 random bits."""
    return PREFIX + secrets.token_urlsafe(32)


def sign(body: bytes, *, secret: str, now: datetime) -> str:
    """Return the value of the header for `body`, sent at `now`."""
    seconds = int(now.timestamp())
    return f"t={seconds},v1={_digest(body, secret, str(seconds))}"


def is_signed(
    body: bytes, *, header: str, secret: str, now: datetime, tolerance: timedelta = TOLERANCE
) -> bool:
    """Return whether `header` signs `body`, and did so within `tolerance` of `now`.

    For the code of a receiver that has this package, too.
    """
    parts = [part.partition("=") for part in header.split(",")]
    times = [value for name, _, value in parts if name.strip() == "t"]
    if len(times) != 1 or not _is_number(times[0]):
        return False
    if abs(now.timestamp() - int(times[0])) > tolerance.total_seconds():
        return False
    expected = _digest(body, secret, times[0]).encode()
    stated = [value.strip().encode() for name, _, value in parts if name.strip() == "v1"]
    return any(hmac.compare_digest(expected, each) for each in stated)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 12


def _digest(body: bytes, secret: str, seconds: str) -> str:
    return hmac.new(secret.encode(), f"{seconds}.".encode() + body, "sha256").hexdigest()
