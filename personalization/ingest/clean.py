"""Values no store can hold, told per event so that the neighbours are kept."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from personalization.exceptions import EventRejected

MAX_DEPTH = 32
#: NUL is refused by PostgreSQL's jsonb, lone surrogates by UTF-8.
_POISON = re.compile("[\x00\ud800-\udfff]")


def refuse_poison(value: Any, pointer: str = "", depth: int = 0) -> None:
    """Raise EventRejected if `value` holds anything that cannot be stored as JSON."""
    if depth > MAX_DEPTH:
        raise EventRejected(
            f"{pointer}: nested more than {MAX_DEPTH} deep.", code="too_deeply_nested"
        )
    if isinstance(value, str):
        if _POISON.search(value):
            raise _poisoned(pointer, "a NUL or a lone surrogate")
    elif isinstance(value, bool) or value is None:
        return
    elif isinstance(value, int | float):
        if not _is_finite(value):
            raise _poisoned(pointer, "a number that is not finite")
    elif isinstance(value, Mapping):
        for key, item in value.items():
            refuse_poison(key, f"{pointer}/{key!a}", depth)
            refuse_poison(item, f"{pointer}/{key}", depth + 1)
    elif isinstance(value, Sequence):
        for index, item in enumerate(value):
            refuse_poison(item, f"{pointer}/{index}", depth + 1)


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number beyond what a double can hold
        return False


def _poisoned(pointer: str, what: str) -> EventRejected:
    place = pointer.encode(errors="backslashreplace").decode()
    return EventRejected(f"{place} holds {what}.", code="poison_value")
