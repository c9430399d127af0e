"""Values that pass a comparison, and such that do not: a few of each for every comparison."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

from personalization.rules.compare import Comparison, Scalar
from personalization.rules.expression import Chain, Characters, Choice, Part, Repeat
from personalization.rules.patterns import read_pattern
from personalization.types import Json

#: Values that are tried of one field at most.
MOST = 30
#: What a person could have written where any text will do.
ANY_TEXT, OTHER_TEXT = "something", "something else"
_JOINED = 3
#: Beyond it, adding one to a double may not change it.
_EXACT = 2.0**52


def samples(comparisons: Iterable[Comparison]) -> tuple[Json, ...]:
    """Return values to try of a field that all these comparisons are about, the missing one
    first. For each comparison, one that passes and one that does not are among them."""
    comparisons = list(comparisons)
    found: dict[tuple[type, Json], Json] = {(type(None), None): None}
    for value in (*_each(comparisons), *_texts(comparisons), ANY_TEXT, OTHER_TEXT):
        found.setdefault((type(value), value), value)
    return tuple(found.values())[:MOST]


def _each(comparisons: list[Comparison]) -> Iterator[Scalar]:
    """Yield what the comparisons name first, then what lies beside it."""
    named = [(one.operator, value) for one in comparisons for value in one.values[:4]]
    for operator, value in named:
        yield text_matching(str(value)) if operator in ("matches", "does not match") else value
    for _, value in named:
        yield from _beside(value)


def _beside(value: Scalar) -> Iterator[Scalar]:
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, int | float):
        if abs(value) < _EXACT:
            yield from (value + 1, value - 1)
        if abs(value) < 2**1000:
            yield from (math.nextafter(value, math.inf), math.nextafter(value, -math.inf))


def _texts(comparisons: list[Comparison]) -> Iterator[str]:
    """Yield texts that begin with one of the texts named, and end with another."""
    texts = [
        value
        for one in comparisons
        for value in one.values[:1]
        if isinstance(value, str) and one.operator in ("contains", "starts with", "ends with")
    ][:_JOINED]
    for first in texts:
        for last in texts:
            if first != last:
                middle = [text for text in texts if text not in (first, last)]
                yield "".join([first, *middle, last])


def text_matching(pattern: str) -> str:
    """Return a text in which `pattern` is found, as short as its parts allow."""
    return _written(read_pattern(pattern))


def _written(part: Part) -> str:
    if isinstance(part, Characters):
        return _readable(part)
    if isinstance(part, Chain):
        return "".join(map(_written, part.parts))
    if isinstance(part, Choice):
        return min(map(_written, part.branches), key=len)
    return _written(part.part) * part.least if isinstance(part, Repeat) else ""


def _readable(part: Characters) -> str:
    """Return a letter if one is possible, else whatever comes first."""
    for wanted in ("a", "A", "0", "-", " "):
        if any(first <= ord(wanted) <= last for first, last in part.ranges):
            return wanted
    return chr(part.ranges[0][0])
