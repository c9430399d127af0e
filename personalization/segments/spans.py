"""How a membership moves on: from the span known so far to the one a rule answers now.

Pure: spans and instants in, changes out. Used by events, by departures and by a
refresh alike.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from personalization.rules.state import Interval
from personalization.types import Microseconds


@dataclass(frozen=True, slots=True)
class Span:
    """A membership, `since` when and `until` when; `told` once its entry was told."""

    since: Microseconds
    until: Microseconds | None = None
    told: bool = False

    def over(self, now: Microseconds) -> bool:
        return self.until is not None and self.until <= now

    def next_edge(self) -> Microseconds | None:
        """Return when time alone next changes this membership."""
        return self.until if self.told else self.since


@dataclass
class Step:
    """What one evaluation changed for one segment."""

    current: Span | None = None
    closed: list[Span] = field(default_factory=list)
    entered: list[Microseconds] = field(default_factory=list)
    left: list[Microseconds] = field(default_factory=list)


def advance(known: Span | None, answer: Interval | None, *, now: Microseconds) -> Step:
    """Move the membership `known` on to what the rule answers at `now`.

    `answer` is the span that contains `now` or lies ahead of it. A span that came
    or went since the last evaluation is told at its own instant, not at `now`.
    """
    step = Step(current=known)
    if step.current and not step.current.told and step.current.since <= now:
        step.current = replace(step.current, told=True)
        step.entered.append(step.current.since)
    if step.current and step.current.told and step.current.over(now):
        _close(step, step.current)
    holds = answer is not None and answer.start <= now
    if step.current and step.current.told:
        if holds:
            assert answer is not None
            step.current = replace(step.current, until=answer.end)
            return step
        _close(step, replace(step.current, until=now))
    step.current = None
    if answer is not None:
        step.current = Span(answer.start, answer.end, told=holds)
        if holds:
            step.entered.append(answer.start)
    return step


def _close(step: Step, span: Span) -> None:
    assert span.until is not None
    step.current = None
    step.closed.append(span)
    step.left.append(span.until)
