"""How a membership moves on: from the span known so far to the one a rule answers now.

Pure: spans and instants in, changes out. Used by events, by departures and by a
refresh alike.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from personalization.rules.interval import Interval
from personalization.types import Microseconds


@dataclass(frozen=True, slots=True)
class Span:
    """A membership, `since` when and `until` when; `told` once its entry was told.

    `silent`: it has begun, but nobody was told, because its version does not serve yet.
    """

    since: Microseconds
    until: Microseconds | None = None
    told: bool = False
    silent: bool = False

    def next_edge(self) -> Microseconds | None:
        """Return when time alone next changes this membership."""
        return self.until if self.told else self.since

    def contains(self, instant: Microseconds) -> bool:
        return self.since <= instant and (self.until is None or instant < self.until)


@dataclass(frozen=True, slots=True)
class Step:
    """What one evaluation changed for one segment: the span now known, what ended, what began."""

    current: Span | None = None
    closed: Span | None = None
    entered: Microseconds | None = None

    @property
    def left(self) -> Microseconds | None:
        return self.closed.until if self.closed else None


def advance(known: Span | None, answer: Interval | None, *, now: Microseconds) -> Step:
    """Move the membership `known` on to what the rule answers at `now`.

    `answer` is the span that contains `now` or lies ahead of it. To tell every
    change at its own instant, the caller stops at each edge of what is known. There
    the answer decides and not what was foreseen: an event that came late, but
    happened before the edge, can prevent an entry or prolong a membership.
    """
    holds = answer is not None and answer.start <= now
    if known is not None and known.told:
        if holds and not (known.until is not None and known.until < now):
            assert answer is not None
            return Step(replace(known, until=answer.end))
        end = now if known.until is None else min(known.until, now)
        closed = replace(known, until=max(known.since, end))  # clocks of workers differ
    else:
        closed = None
    if answer is None:
        return Step(closed=closed)
    current = Span(answer.start, answer.end, told=holds)
    return Step(current, closed, entered=answer.start if holds else None)


def quiet(step: Step, *, serving: Span | None) -> Step:
    """Return `step` as it is for a version that does not serve yet: nothing is told.

    Who is in the version that serves, too, is in since then.
    """
    current = step.current
    if current is None or not current.told:
        return Step(current)
    since = current.since
    if serving is not None and serving.told and serving.contains(since):
        since = serving.since
    return Step(replace(current, since=since, silent=True))


@dataclass(frozen=True, slots=True)
class Handover:
    """What becomes of a membership when another version of its segment takes over."""

    old: Step
    new: Step


def take_over(old: Span | None, new: Span | None, *, at: Microseconds) -> Handover:
    """Compare who was in the version that served until `at` with who is in the new one.

    Only the difference is told: who is in both stays in since then.
    """
    was_in = old is not None and old.contains(at)
    is_in = new is not None and new.contains(at)
    closed = None
    if old is not None and old.told and not (was_in and is_in):
        closed = replace(old, until=at if was_in else old.until)
    if not is_in:
        ahead = new if new is not None and new.since > at else None
        return Handover(Step(closed=closed), Step(ahead))
    assert new is not None
    if was_in:
        assert old is not None
        entered = None if old.told else old.since
        return Handover(Step(), Step(Span(old.since, new.until, told=True), entered=entered))
    return Handover(Step(closed=closed), Step(Span(at, new.until, told=True), entered=at))
