"""How a membership moves on: from the span known so far to the one a rule answers now.

Pure: spans and instants in, changes out. Used by events, by departures and by a
refresh alike.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from personalization.rules.state import Interval
from personalization.types import Microseconds


@dataclass(frozen=True, slots=True)
class Span:
    """A membership, `since` when and `until` when; `told` once its entry was told."""

    since: Microseconds
    until: Microseconds | None = None
    told: bool = False

    def next_edge(self) -> Microseconds | None:
        """Return when time alone next changes this membership."""
        return self.until if self.told else self.since


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
