"""A pattern as a value: what it is made of, and the form of it that engines are handed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

Range: TypeAlias = tuple[int, int]  # code points, both ends included
LAST = 0x10FFFF
SPECIAL = frozenset("^$\\.*+?()[]{}|")
_CLASS_SPECIAL = frozenset("\\]^-")


def merged(ranges: Iterable[Range]) -> tuple[Range, ...]:
    """Return the ranges in order, those that touch as one."""
    done: list[Range] = []
    for first, last in sorted(ranges):
        if done and first <= done[-1][1] + 1:
            done[-1] = (done[-1][0], max(last, done[-1][1]))
        else:
            done.append((first, last))
    return tuple(done)


def others(ranges: Iterable[Range]) -> tuple[Range, ...]:
    """Return all characters but those."""
    rest, start = [], 0
    for first, last in merged(ranges):
        if start < first:
            rest.append((start, first - 1))
        start = last + 1
    return (*rest, (start, LAST)) if start <= LAST else tuple(rest)


def of(signs: str) -> tuple[Range, ...]:
    return merged((ord(one), ord(one)) for one in signs)


@dataclass(frozen=True, slots=True)
class Characters:
    """One character out of `ranges`, which are in order and do not touch."""

    ranges: tuple[Range, ...]


@dataclass(frozen=True, slots=True)
class Anchor:
    """The start or the end of the text."""

    start: bool


@dataclass(frozen=True, slots=True)
class Chain:
    """One part after the other."""

    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """One of the branches."""

    branches: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Repeat:
    """`part` at least `least` times, and at most `most` times (None: any number)."""

    part: Part
    least: int
    most: int | None


Part: TypeAlias = "Characters | Anchor | Chain | Choice | Repeat"


def size(part: Part) -> int:
    """Return how large the part is with every repetition written out."""
    if isinstance(part, Chain):
        return 1 + sum(size(each) for each in part.parts)
    if isinstance(part, Choice):
        return 1 + sum(size(each) for each in part.branches)
    if isinstance(part, Repeat):
        times = max(part.least + 1 if part.most is None else part.most, 1)
        return 1 + times * size(part.part)
    return 1


def characters(part: Part) -> set[Characters]:
    """Return the sets of characters that the part tells apart."""
    if isinstance(part, Characters):
        return {part}
    if isinstance(part, Anchor):
        return set()
    if isinstance(part, Repeat):
        return characters(part.part)
    children = part.parts if isinstance(part, Chain) else part.branches
    return set().union(*(characters(each) for each in children))


def written(part: Part) -> str:
    """Return the form for PostgreSQL's `~` and for JavaScript's `RegExp` with the flag `u`.

    Both read what is left once classes are spelt out, groups capture nothing and every
    special character is escaped, in the same way.
    """
    if isinstance(part, Characters):
        return _characters_written(part.ranges)
    if isinstance(part, Anchor):
        return "^" if part.start else "$"
    if isinstance(part, Chain):
        return "".join(_grouped(each, Choice) for each in part.parts)
    if isinstance(part, Choice):
        return "|".join(_grouped(each, Choice) for each in part.branches)
    most = "" if part.most is None else str(part.most)
    return f"{_grouped(part.part, Choice, Chain, Repeat)}{{{part.least},{most}}}"


def _grouped(part: Part, *kinds: type) -> str:
    return f"(?:{written(part)})" if isinstance(part, kinds) else written(part)


def _characters_written(ranges: tuple[Range, ...]) -> str:
    if ranges == ((0, LAST),):
        return "(?:[^\n]|\n)"
    if len(ranges) == 1 and ranges[0][0] == ranges[0][1]:
        return _sign(ranges[0][0], SPECIAL)
    # The far ends of a complement have no written form in PostgreSQL.
    negated = ranges[-1][1] == LAST
    spelt = "".join(
        _sign(first, _CLASS_SPECIAL | {"["})
        + ("" if first == last else f"-{_sign(last, _CLASS_SPECIAL | {'['})}")
        for first, last in (others(ranges) if negated else ranges)
    )
    return f"[{'^' if negated else ''}{spelt}]"


def _sign(code: int, special: frozenset[str]) -> str:
    return f"\\{chr(code)}" if chr(code) in special else chr(code)
