"""Values no store can hold, told per event so that the neighbours are kept."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any

from personalization.exceptions import EventRejected

MAX_DEPTH = 32
#: NUL is refused by PostgreSQL's jsonb, lone surrogates by UTF-8.
_POISON = re.compile("[\x00\ud800-\udfff]")
_LARGE = 1e300


_encode = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, check_circular=False, separators=(",", ":")
).encode


def written(value: Any) -> str | None:
    """Return the JSON text of what was read from JSON; None when it has to be looked through.

    Nearly every event is clean, and the encoder finds out in a fraction of the time. It
    does not notice whole numbers beyond a double: `body.loads` leaves none.
    """
    try:
        text = _encode(value)
    except (ValueError, TypeError, RecursionError):
        return None
    may_be_deep = text.count("{") + text.count("[") > MAX_DEPTH
    if may_be_deep or "\\u0000" in text or not _is_clean_text(text):
        return None
    return text


def refuse_poison(value: Any) -> None:
    """Raise EventRejected if `value` holds anything that cannot be stored as JSON."""
    # Nearly every event is clean: only for one that is not, places are worked out.
    if not _is_clean(value, 0):
        _refuse(value, "", 0)


def _is_clean(value: Any, depth: int) -> bool:
    """Return whether all is well; False when `_refuse` has to look."""
    kind = type(value)
    if kind is str:
        return _is_clean_text(value)
    if kind is int or kind is float:
        return bool(-_LARGE < value < _LARGE)
    if kind is dict and depth < MAX_DEPTH:
        for key, item in value.items():
            if type(key) is not str or not _is_clean_text(key) or not _is_clean(item, depth + 1):
                return False
        return True
    if kind is list and depth < MAX_DEPTH:
        return all(_is_clean(item, depth + 1) for item in value)
    return value is None or kind is bool


def _is_clean_text(text: str) -> bool:
    return "\x00" not in text if text.isascii() else _POISON.search(text) is None


def _refuse(value: Any, pointer: str, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise EventRejected(
            f"{pointer}: nested more than {MAX_DEPTH} deep.",
            code="too_deeply_nested",
            pointer=pointer,
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
            _refuse_key(key, pointer)
            _refuse(item, f"{pointer}/{key}", depth + 1)
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            _refuse(item, f"{pointer}/{index}", depth + 1)
    else:  # from the site's own code, a date for one
        raise EventRejected(
            f"{pointer} is a {type(value).__name__}, which JSON does not know.",
            code="invalid_value",
            pointer=pointer,
        )


def _refuse_key(key: Any, pointer: str) -> None:
    if not isinstance(key, str):
        raise EventRejected(
            f"{pointer}: {key!r} is no text, as keys are.", code="invalid_value", pointer=pointer
        )
    if _POISON.search(key):
        raise _poisoned(f"{pointer}/{key!a}", "a NUL or a lone surrogate")


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number beyond what a double can hold
        return False


def _poisoned(pointer: str, what: str) -> EventRejected:
    place = pointer.encode(errors="backslashreplace").decode()
    return EventRejected(f"{place} holds {what}.", code="poison_value", pointer=place)
