"""What a rule is asked of one profile, and what it answers.

Everything here is a value. Instants are integer microseconds (see `clock`).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from operator import neg
from typing import NamedTuple

from personalization.types import Json, Microseconds


class Answer(NamedTuple):
    """Whether a rule holds, and the next instant at which time alone could change that.

    `changes` is None when no passing of time can change it. It is a lower bound
    that is never late: between now and `changes` the answer stays as it is.
    """

    holds: bool
    changes: Microseconds | None = None


def negate(answer: Answer) -> Answer:
    """Return the complement; it changes when the answer changes."""
    return Answer(not answer.holds, answer.changes)


def every(answers: Iterable[Answer]) -> Answer:
    """Combine by AND.

    While all hold, the first change can end it. While some fail, every one of
    those must change first, so the last of their changes is the bound, and one
    that never changes keeps the whole from ever holding by time alone.
    """
    holds = True
    soonest: Microseconds | None = None
    latest: Microseconds | None = None
    stays = False
    for answer in answers:
        changes = answer.changes
        if answer.holds:
            if changes is not None and (soonest is None or changes < soonest):
                soonest = changes
        else:
            holds = False
            if changes is None:
                stays = True
            elif latest is None or changes > latest:
                latest = changes
    if holds:
        return Answer(True, soonest)
    return Answer(False, None if stays else latest)


def some(answers: Iterable[Answer]) -> Answer:
    """Combine by OR: the complement of AND over the complements."""
    return negate(every(negate(answer) for answer in answers))


@dataclass(frozen=True, slots=True)
class Counter:
    """How often and when events of one matcher happened to one profile.

    `newest` holds at most the size asked for of the newest timestamps, newest
    first; `total` counts all. Adding is commutative: any order of the same
    events gives an equal counter (law 1).
    """

    newest: tuple[Microseconds, ...] = ()
    total: int = 0
    first: Microseconds | None = None

    def add(self, at: Microseconds, *, size: int) -> Counter:
        """Return the counter with one more event at the instant `at`."""
        place = bisect_left(self.newest, -at, key=neg)
        newest = self.newest
        if place < size:
            newest = (*newest[:place], at, *newest[place : size - 1])
        first = at if self.first is None else min(self.first, at)
        return Counter(newest, self.total + 1, first)

    @property
    def last(self) -> Microseconds | None:
        return self.newest[0] if self.newest else None


NO_EVENTS = Counter()


@dataclass(frozen=True, slots=True)
class Interval:
    """A half-open span of time; `end` None means without an end in sight."""

    start: Microseconds
    end: Microseconds | None = None

    def contains(self, instant: Microseconds) -> bool:
        return self.start <= instant and not self.over(instant)

    def over(self, instant: Microseconds) -> bool:
        return self.end is not None and self.end <= instant

    def next_edge(self, after: Microseconds) -> Microseconds | None:
        """Return the first of its two ends later than `after`."""
        if self.start > after:
            return self.start
        return None if self.over(after) else self.end


@dataclass(frozen=True, slots=True)
class Facts:
    """All that rules may look at of one profile.

    `counters` are keyed by `Matcher.id`; `segments` holds the memberships of
    segments kept by hand, by slug; `consents` maps a purpose to True.
    """

    traits: Mapping[str, Json] = field(default_factory=dict)
    features: Mapping[str, Json] = field(default_factory=dict)
    counters: Mapping[str, Counter] = field(default_factory=dict)
    segments: Mapping[str, Interval] = field(default_factory=dict)
    consents: Mapping[str, Json] = field(default_factory=dict)
