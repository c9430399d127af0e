"""Statements about sequences of events, and what follows from them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import inf

from personalization.rules.lint_events import EVENTS, Ages, AtLeast, EventAtom
from personalization.rules.lint_matchers import narrower, nothing_matches
from personalization.rules.matcher import Matcher
from personalization.rules.sequence import Absence, Sequence, Step


@dataclass(frozen=True)
class Taken(EventAtom):
    """The steps of `sequence` were taken. `matcher` is that of the last step."""

    sequence: Sequence

    @property
    def topics(self) -> frozenset[str]:
        return frozenset(f"event:{matcher.event}" for matcher in self.sequence.matchers())

    def impossible(self) -> bool:
        return any(nothing_matches(step.matcher) for step in self.sequence.steps)

    def implies(self, other: EventAtom) -> bool:
        if isinstance(other, AtLeast):
            # Every step is an event of its own.
            found = sum(step.concerns(other) for step in self._steps())
            return found >= other.n and other.of == EVENTS
        return isinstance(other, Taken) and (
            self.sequence.key == other.sequence.key or _stricter(self.sequence, other.sequence)
        )

    def _steps(self) -> Iterator[AtLeast]:
        """Yield what each step says by itself: one event, of an age within bounds."""
        sequence = self.sequence
        since: float = 0  # the last step, at most, after the one we are at
        for step in reversed(sequence.steps):
            most = inf if sequence.last is None else sequence.last - 1 + since
            ages = Ages(sequence.ripens, None if most == inf else int(most))
            yield AtLeast(step.matcher, ages, 1)
            since += _or_longer(step.within)
            since = min(since, _or_longer(sequence.window))


def _or_longer(span: int | None) -> float:
    return inf if span is None else span


def _stricter(one: Sequence, other: Sequence) -> bool:
    """Return whether whoever took the steps of `one` took those of `other` with them."""
    return (
        len(one.steps) == len(other.steps)
        and (one.strict or not other.strict)
        and _or_longer(one.window) <= _or_longer(other.window)
        and _or_longer(one.last) <= _or_longer(other.last)
        and all(
            _step_says_more(mine, theirs, strict=one.strict)
            for mine, theirs in zip(one.steps, other.steps, strict=True)
        )
        and all(
            any(_absence_says_more(mine, theirs) for mine in one.absences)
            for theirs in other.absences
        )
    )


def _step_says_more(one: Step, other: Step, *, strict: bool) -> bool:
    return (
        narrower(one.matcher, other.matcher)
        and _or_longer(one.within) <= _or_longer(other.within)
        and (strict or all(_rules_out(one.without, theirs) for theirs in other.without))
    )


def _rules_out(without: tuple[Matcher, ...], matcher: Matcher) -> bool:
    return any(narrower(matcher, mine) for mine in without)


def _absence_says_more(one: Absence, other: Absence) -> bool:
    return narrower(other.matcher, one.matcher) and one.duration >= other.duration
