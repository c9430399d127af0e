"""Reading what clients of other protocols sent, whatever it is: values, or what is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from personalization.clock import moment
from personalization.exceptions import EventRejected

MILLISECOND, SECOND = 1_000, 1_000_000
_LARGE = 1e300
_SHOWN = 50


def object_of(value: Any, pointer: str = "") -> Mapping[str, Any]:
    """Return a JSON object; nothing stands for an empty one.

    :raises EventRejected: for anything else.
    """
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise EventRejected(
            f"{pointer or 'An event'} is a JSON object.", code="invalid_event", pointer=pointer
        )
    return value


def text_of(value: Any) -> str | None:
    """Return a text with something in it, None for everything else."""
    return value if isinstance(value, str) and value.strip() else None


def number_of(value: Any) -> int | float | None:
    """Return a number that can be reckoned with, also one that was sent as a text."""
    if isinstance(value, str):
        value = _parsed(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if abs(value) < _LARGE else None  # which NaN is not, either


def _parsed(text: str) -> int | float | None:
    for read in (int, float):
        try:
            return read(text)
        except ValueError:  # also for more digits than Python reads
            continue
    return None


def shown(value: Any) -> str:
    """Return what an error may quote of a value: short, and fit for every answer and store."""
    if not isinstance(value, str | int | float | None):
        return f"a {type(value).__name__}"
    return "".join(c if c.isprintable() else "\ufffd" for c in str(value)[:_SHOWN])


def time_of(value: Any, *, unit: int, pointer: str) -> str | None:
    """Return the ISO 8601 text of a count of units since 1970, None for none.

    `unit` is its length in microseconds.

    :raises EventRejected: for what is no number, or a time beyond the calendar.
    """
    if value is None:
        return None
    number = number_of(value)
    try:
        if number is not None:
            return moment(round(number * unit)).isoformat()
    except OverflowError:
        pass
    raise EventRejected(
        f"{pointer}: “{shown(value)}” is not a time since 1970.",
        code="invalid_timestamp",
        pointer=pointer,
    )
