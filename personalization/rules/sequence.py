"""Steps one after the other, and what has to be kept to know whether somebody took them.

One walk over the events of a profile in the order of their positions (timestamp, message
id) decides. Of all ways to have come to a step, the newest is as good as any other for
what follows: its last step lies closest, and its first lies no earlier than that of any
older way. So one pair of instants is kept per step.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import groupby
from operator import attrgetter
from typing import Any

from personalization.rules.matcher import Matcher
from personalization.rules.need import ANY, Late, Need
from personalization.rules.occurrence import Occurrence, Position
from personalization.types import Json, Microseconds

#: How many completions are kept that an absence can still undo; of more, the log is read.
MOST = 100


@dataclass(frozen=True)
class Step:
    """An event to come next, `within` µs of the step before; none of `without` in between."""

    matcher: Matcher
    within: Microseconds | None = None
    without: tuple[Matcher, ...] = ()


@dataclass(frozen=True)
class Absence:
    """No such event for a length of time after the last step."""

    matcher: Matcher
    duration: Microseconds


@dataclass(frozen=True)
class Sequence:
    """Steps with what must not happen at their end.

    `window` bounds last minus first step; of sequences older than `last` nothing counts.
    `strict`: nothing else happens between the steps.
    """

    steps: tuple[Step, ...]
    absences: tuple[Absence, ...] = ()
    window: Microseconds | None = None
    last: Microseconds | None = None
    strict: bool = False

    @cached_property
    def ripens(self) -> Microseconds:
        """Return how long after its last step a sequence is complete."""
        return max((absence.duration for absence in self.absences), default=0)

    @cached_property
    def key(self) -> str:
        """SHA-256 over the canonical sequence, shortened to 80 bits."""
        canonical = repr(
            (
                [(s.matcher.id, s.within, [m.id for m in s.without]) for s in self.steps],
                [(absence.matcher.id, absence.duration) for absence in self.absences],
                self.window, self.last, self.strict,
            )
        )  # fmt: skip
        return hashlib.sha256(canonical.encode()).hexdigest()[:20]

    def matchers(self) -> Iterable[Matcher]:
        for step in self.steps:
            yield step.matcher
            yield from step.without
        for absence in self.absences:
            yield absence.matcher


#: The first and the newest step of a way, as instants.
Way = tuple[Microseconds, Microseconds]


@dataclass(frozen=True, slots=True)
class Trail:
    """How far a profile has come. `mark` is the position of the last event walked over.

    `ways` has the newest way to each step but the last, `ends` the instants of the last
    steps of complete ways, oldest first. Of ways that ended at `lost` or before, some are
    not among `ends`.
    """

    mark: Position | None = None
    ways: tuple[Way | None, ...] = ()
    ends: tuple[Microseconds, ...] = ()
    lost: Microseconds | None = None


NO_TRAIL = Trail()


@dataclass(frozen=True)
class SequenceNeed(Need[Trail]):
    """The trail of a sequence."""

    sequence: Sequence
    bound: int | None = MOST

    nothing = NO_TRAIL

    @cached_property
    def key(self) -> str:
        return f"sequence:{self.sequence.key}"

    @cached_property
    def events(self) -> frozenset[str]:
        if self.sequence.strict:
            return frozenset({ANY})
        return frozenset(matcher.event for matcher in self.sequence.matchers())

    def add(self, kept: Trail, occurrence: Occurrence) -> Trail:
        if not self._concerns(occurrence):
            return kept
        if kept.mark is not None and occurrence.position <= kept.mark:
            raise Late
        return self._walk(kept, [occurrence])

    def fold(self, occurrences: Iterable[Occurrence]) -> Trail:
        """Return the trail of all events. Those of one position come neither before nor
        after each other."""
        kept = self.nothing
        concerned = filter(self._concerns, occurrences)
        for _, together in groupby(concerned, key=attrgetter("position")):
            kept = self._walk(kept, list(together))
        return kept

    def _concerns(self, occurrence: Occurrence) -> bool:
        return self.sequence.strict or any(
            _matches(matcher, [occurrence]) for matcher in self.sequence.matchers()
        )

    def _walk(self, kept: Trail, together: list[Occurrence]) -> Trail:
        at = together[0].at
        steps = self.sequence.steps
        before = kept.ways or (None,) * (len(steps) - 1)
        ways = list(before)
        arrived = [self._arrival(number, before, together, at) for number in range(len(steps))]
        for number in range(len(steps) - 1):
            if self.sequence.strict or _any(steps[number + 1].without, together):
                ways[number] = None
            ways[number] = arrived[number] or ways[number]
        ends, lost = self._survivors(kept, together, at)
        if arrived[-1] is not None:
            ends.append(at)
        return self._cut(Trail(together[0].position, tuple(ways), tuple(ends), lost))

    def _arrival(
        self,
        number: int,
        ways: tuple[Way | None, ...],
        together: list[Occurrence],
        at: Microseconds,
    ) -> Way | None:
        """Return the way that comes to the step just now, if one does."""
        step = self.sequence.steps[number]
        if not _matches(step.matcher, together):
            return None
        if number == 0:
            return at, at
        way = ways[number - 1]
        if way is None or (step.within is not None and at - way[1] > step.within):
            return None
        window = self.sequence.window
        return None if window is not None and at - way[0] > window else (way[0], at)

    def _survivors(
        self, kept: Trail, together: list[Occurrence], at: Microseconds
    ) -> tuple[list[Microseconds], Microseconds | None]:
        """Return the ends that what happens now does not undo."""
        undone = [
            at - absence.duration
            for absence in self.sequence.absences
            if _matches(absence.matcher, together)
        ]
        if not undone:
            return list(kept.ends), kept.lost
        first = min(undone)
        return [end for end in kept.ends if end < first], kept.lost

    def _cut(self, trail: Trail) -> Trail:
        """Drop ends that decide nothing any more; by the last event, never by the clock."""
        assert trail.mark is not None
        at, ends, lost = trail.mark[0], trail.ends, trail.lost
        if self.bound is None:
            return trail
        if self.sequence.last is None:
            # The oldest holds as soon as any other does, and nothing undoes it before them.
            return replace(trail, ends=ends[:1])
        start = 0
        while start < len(ends) and ends[start] <= at - self.sequence.last:
            start += 1
        start = max(start, len(ends) - self.bound)
        if start:
            lost = ends[start - 1]
        return replace(trail, ends=ends[start:], lost=lost)

    def union(self, other: SequenceNeed) -> SequenceNeed:
        return self

    def unbounded(self) -> SequenceNeed:
        return replace(self, bound=None)

    def dump(self, kept: Trail) -> Json:
        ways = [list(way) if way else None for way in kept.ways]
        mark: Json = [*kept.mark] if kept.mark else None
        return {"m": mark, "w": ways, "e": list(kept.ends), "l": kept.lost}

    def load(self, stored: Any) -> Trail:
        return Trail(
            (stored["m"][0], stored["m"][1]) if stored["m"] else None,
            tuple((way[0], way[1]) if way else None for way in stored["w"]),
            tuple(stored["e"]),
            stored["l"],
        )


def _matches(matcher: Matcher, together: list[Occurrence]) -> bool:
    return any(
        matcher.hears(occurrence.name) and matcher.matches(occurrence.properties, at=occurrence.at)
        for occurrence in together
    )


def _any(matchers: Iterable[Matcher], together: list[Occurrence]) -> bool:
    return any(_matches(matcher, together) for matcher in matchers)
