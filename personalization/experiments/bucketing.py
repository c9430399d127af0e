"""Which bucket a visitor is in: the same number for the same visitor, on every machine. Pure.

GrowthBook's hashing (docs.growthbook.io/lib/build-your-own, `hashVersion` 1 and 2): its test
vectors hold for this module and for its twin `static/personalization/buckets.js`. Units and seeds
are ASCII, since languages disagree on how other characters are counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

_PRIME, _OFFSET, _MASK = 0x01000193, 0x811C9DC5, 0xFFFFFFFF
#: Between which sums weights are as they say; beyond them they count as equal.
_LEAST, _MOST = 0.99, 1.01


class Range(NamedTuple):
    """Buckets from `start` on and before `end`, both in [0, 1]."""

    start: float
    end: float


def fnv1a32(text: str, *, after: int = _OFFSET) -> int:
    """Return the 32-bit FNV-1a hash of an ASCII text (draft-eastlake-fnv).

    `after` is the hash of what stands before it: of two texts, that of both in one.

    :raises ValueError: for a text that is not ASCII.
    """
    number = after
    try:
        code = text.encode("ascii")
    except UnicodeEncodeError:
        raise ValueError(
            f"“{text}” is not ASCII: languages disagree on the hash of other characters."
        ) from None
    for byte in code:
        number = ((number ^ byte) * _PRIME) & _MASK
    return number


#: Seeds are few, and the hash of one goes on with every unit.
_of_seed = lru_cache(maxsize=4096)(fnv1a32)


def bucket(unit: str, *, seed: str, version: int = 2) -> float:
    """Return a number in [0, 1), evenly spread over units; those of two seeds are independent.

    Version 2 has 10,000 buckets and version 1 has 1,000, in which similar seeds are less
    independent.

    :raises ValueError: for a version of the hash that there is not, and for a unit or seed that
        is not ASCII.
    """
    if version == 2:
        return fnv1a32(str(fnv1a32(unit, after=_of_seed(seed)))) % 10_000 / 10_000
    if version == 1:
        return fnv1a32(seed, after=fnv1a32(unit)) % 1000 / 1000
    raise ValueError(f"The version of the hash is {version}; allowed: 1, 2.")


def in_namespace(unit: str, namespace: str, held: Range) -> bool:
    """Return whether the unit is in the part of the namespace that an experiment holds."""
    return held.start <= bucket(unit, seed=f"__{namespace}", version=1) < held.end


def equal_weights(n: int) -> tuple[float, ...]:
    return (1 / n,) * n if n > 0 else ()


def total_of(weights: Sequence[float]) -> float:
    """Return the sum as JavaScript has it: `sum` rounds better in some versions of Python."""
    total = 0.0
    for weight in weights:
        total += weight
    return total


def weights_in_force(n: int, weights: Sequence[float] | None) -> tuple[float, ...]:
    """Return the weights that `n` arms are divided by.

    Weights that are not as many as there are arms, or do not add up to 1, count as equal.
    """
    if weights is None or len(weights) != n:
        return equal_weights(n)
    return tuple(weights) if _LEAST <= total_of(weights) <= _MOST else equal_weights(n)


def ranges_of(
    n: int, *, coverage: float = 1.0, weights: Sequence[float] | None = None
) -> tuple[Range, ...]:
    """Return the buckets of each of `n` arms; what lies in none of them is in no arm.

    An arm begins where it would with everybody in, and is as much shorter as `coverage` says: so
    more coverage moves nobody from one arm into another.
    """
    coverage = min(max(coverage, 0.0), 1.0)
    ranges, start = [], 0.0
    for weight in weights_in_force(n, weights):
        ranges.append(Range(start, start + coverage * weight))
        start += weight
    return tuple(ranges)


def arm_at(number: float, ranges: Sequence[Range]) -> int | None:
    """Return the place of the arm in whose range the bucket lies; None: in none of them."""
    for place, (start, end) in enumerate(ranges):
        if start <= number < end:
            return place
    return None
