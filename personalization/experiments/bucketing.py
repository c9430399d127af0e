"""Which bucket a visitor is in: the same number for the same visitor, on every machine. Pure.

GrowthBook's hashing (docs.growthbook.io/lib/build-your-own, `hashVersion` 1 and 2): its test
vectors hold for this module and for its twin `static/personalization/buckets.js`. Units are ASCII,
since languages disagree on how other characters are counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

_PRIME, _OFFSET, _MASK = 0x01000193, 0x811C9DC5, 0xFFFFFFFF
#: How far the sum of weights may be from 1 before they count as equal.
_SLACK: Final = 0.01


class Range(NamedTuple):
    """Buckets from `start` on and before `end`, both in [0, 1]."""

    start: float
    end: float


def fnv1a32(text: str) -> int:
    """Return the 32-bit FNV-1a hash of an ASCII text (draft-eastlake-fnv)."""
    number = _OFFSET
    for byte in text.encode("ascii"):
        number = ((number ^ byte) * _PRIME) & _MASK
    return number


def bucket(unit: str, *, seed: str, version: int = 2) -> float:
    """Return a number in [0, 1), evenly spread over units; those of two seeds are independent.

    :raises ValueError: for a version of the hash that there is not.
    :raises UnicodeEncodeError: for a unit or seed that is not ASCII.
    """
    if version == 2:
        return fnv1a32(str(fnv1a32(seed + unit))) % 10_000 / 10_000
    if version == 1:
        return fnv1a32(unit + seed) % 1000 / 1000
    raise ValueError(f"The version of the hash is {version}; allowed: 1, 2.")


def in_namespace(unit: str, namespace: str, held: Range) -> bool:
    """Return whether the unit is in the part of the namespace that an experiment holds."""
    return held.start <= bucket(unit, seed=f"__{namespace}", version=1) < held.end


def equal_weights(n: int) -> tuple[float, ...]:
    return (1 / n,) * n if n > 0 else ()


def ranges_of(
    n: int, *, coverage: float = 1.0, weights: Sequence[float] | None = None
) -> tuple[Range, ...]:
    """Return the buckets of each of `n` arms; what lies in none of them is in no arm.

    An arm begins where it would with everybody in, and is as much shorter as `coverage` says: so
    more coverage moves nobody from one arm into another. Weights that are not as many as there
    are arms, or do not add up to 1, count as equal.
    """
    coverage = min(max(coverage, 0.0), 1.0)
    if weights is None or len(weights) != n or abs(sum(weights) - 1) > _SLACK:
        weights = equal_weights(n)
    ranges, start = [], 0.0
    for weight in weights:
        ranges.append(Range(start, start + coverage * weight))
        start += weight
    return tuple(ranges)


def arm_at(number: float, ranges: Sequence[Range]) -> int | None:
    """Return the place of the arm in whose range the bucket lies; None: in none of them."""
    return next((at for at, (start, end) in enumerate(ranges) if start <= number < end), None)
