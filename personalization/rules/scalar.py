"""What counts as one value when distinct values are counted, and as one day."""

from __future__ import annotations

import hashlib
from datetime import datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from personalization.types import Json, Microseconds

_LONGEST = 40
#: Databases cut numbers off here: beyond, all are one value.
_FARTHEST = 1e100


def scalar_key(value: Json) -> str | None:
    """Return the key of a scalar; None for what is none. 1 and 1.0 have the same key,
    and “1”, 1 and true have different ones."""
    if isinstance(value, bool):
        return f"b{value:d}"
    if isinstance(value, str):
        if len(value) <= _LONGEST:
            return f"t{value}"
        return f"h{hashlib.sha256(value.encode()).hexdigest()[:24]}"
    if isinstance(value, int | float):
        # Adding zero makes one of the two zeros that doubles have.
        return (
            f"n{max(-_FARTHEST, min(_FARTHEST, float(value))) + 0.0!r}" if _finite(value) else None
        )
    return None


def _finite(value: float) -> bool:
    return value == value


def site_day(at: Microseconds, *, zone: str) -> str:
    """Return the calendar day of the instant in the time zone."""
    return datetime.fromtimestamp(at // 1_000_000, _zone(zone)).date().isoformat()


@lru_cache(maxsize=8)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)
