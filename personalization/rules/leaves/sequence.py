"""`sequence`: one thing after another, and something that did not happen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

from personalization.clock import span
from personalization.exceptions import Problem
from personalization.rules.canonical import Canonical, sequence_form
from personalization.rules.catalogue import Catalogue
from personalization.rules.leaves.sequence_repairs import sequence_repairs
from personalization.rules.leaves.sequence_words import actual_words, sequence_words
from personalization.rules.lint_demands import sequence_demand
from personalization.rules.lint_formula import Formula
from personalization.rules.matcher import Matcher, read_matcher
from personalization.rules.need import AnyNeed
from personalization.rules.nodes import Leaf, Lookback
from personalization.rules.reading import Reader
from personalization.rules.repair import Repair, Situation
from personalization.rules.sequence import Absence, Sequence, SequenceNeed, Step, Trail
from personalization.rules.sequence_sql import sequence_sql
from personalization.rules.sql import Scope, Sql
from personalization.rules.state import Answer, Facts
from personalization.rules.where import check_where
from personalization.types import Microseconds

MAX_STEPS = 10


@dataclass(frozen=True)
class SequenceLeaf(Leaf):
    kind = "sequence"

    sequence: Sequence
    denied: bool = False

    @classmethod
    def read(cls, reader: Reader) -> SequenceLeaf:
        reader.only("id", "kind", "steps", "window", "last", "strict")
        steps, absences = _read_steps(reader.child("steps"))
        sequence = Sequence(
            steps,
            absences,
            _read_duration(reader.child("window")),
            _read_duration(reader.child("last")),
            reader.child("strict").boolean(),
        )
        last = reader.child("last")
        if sequence.last is not None and absences and sequence.last <= sequence.ripens:
            last.refuse("“last” must be longer than the time that nothing happens at the end.")
        return cls(sequence)

    @cached_property
    def _need(self) -> SequenceNeed:
        return SequenceNeed(self.sequence)

    def needs(self) -> tuple[AnyNeed, ...]:
        return (self._need,)

    def canonical(self) -> Canonical:
        return Canonical([self.kind, sequence_form(self.sequence)])

    def demand(self) -> Formula:
        return sequence_demand(self.sequence)

    def lookbacks(self) -> Iterator[Lookback]:
        sequence = self.sequence
        spans = [("/window", sequence.window), ("/last", sequence.last)]
        place = -1
        for step in sequence.steps:
            place += len(step.without) + 1
            spans.append((f"/steps/{place}/within", step.within))
        for number, absence in enumerate(sequence.absences, place + 1):
            spans.append((f"/steps/{number}/within", absence.duration))
        yield from (Lookback(pointer, length) for pointer, length in spans if length is not None)

    def conditions(self) -> int:
        matchers = list(self.sequence.matchers())
        return len(matchers) - 1 + sum(matcher.conditions for matcher in matchers)

    def matchers(self) -> tuple[Matcher, ...]:
        return tuple(self.sequence.matchers())

    def repairs(self, situation: Situation, *, wanted: bool) -> Iterator[Repair]:
        trail = self._trail(situation.facts, situation.now)
        return sequence_repairs(self, trail, situation, wanted=wanted)

    def answer(self, facts: Facts, *, now: Microseconds) -> Answer:
        return self._answer(self._trail(facts, now), now)

    def _trail(self, facts: Facts, now: Microseconds) -> Trail:
        trail = facts.kept(self._need)
        last = self.sequence.last
        if last is not None and trail.lost is not None and trail.lost > now - last:
            trail = facts.read(self._need)
        return trail

    def _answer(self, trail: Trail, now: Microseconds) -> Answer:
        """Return whether an end is ripe and not too old; each is so for a span of time."""
        ripens, last = self.sequence.ripens, self.sequence.last
        ripe = [end + ripens for end in trail.ends]
        ahead = min((at for at in ripe if at > now), default=None)
        if last is None:
            holds = any(at <= now for at in ripe)
            return Answer(holds, None if holds else ahead)
        until = max(
            (end + last for end in trail.ends if end + ripens <= now < end + last), default=None
        )
        if until is None:
            return Answer(False, ahead)
        for end in trail.ends:  # in the order of time: whoever begins before this ends goes on
            if end + ripens <= until < end + last:
                until = end + last
        return Answer(True, until)

    def sql(self, scope: Scope) -> Sql:
        return sequence_sql(self.sequence, scope)

    def sentence(self, catalogue: Catalogue) -> str:
        return sequence_words(self.sequence, catalogue, denied=self.denied)

    def denial(self, catalogue: Catalogue) -> str:
        return replace(self, denied=True).sentence(catalogue)

    def actual(self, facts: Facts, *, now: Microseconds) -> str:
        return actual_words(self.sequence, self._trail(facts, now), now=now)

    def check(self, catalogue: Catalogue, *, pointer: str) -> Iterator[Problem]:
        for matcher in self.sequence.matchers():
            if matcher.where is not None:
                yield from check_where(matcher.where, catalogue, event=matcher.event)


def _read_duration(reader: Reader) -> Microseconds | None:
    return None if reader.value is None else span(reader.duration())


def _read_steps(reader: Reader) -> tuple[tuple[Step, ...], tuple[Absence, ...]]:
    places = reader.items()
    if isinstance(reader.value, list | tuple) and not 2 <= len(places) <= MAX_STEPS:
        reader.refuse(f"2 to {MAX_STEPS} steps are needed here.")
    steps: list[Step] = []
    between: list[tuple[Reader, Matcher]] = []
    for place in places:
        place.only("event", "where", "within", "absent")
        matcher = read_matcher(place)
        if place.child("absent").boolean():
            between.append((place, matcher))
            continue
        _refuse_within(between)
        within = _read_duration(place.child("within"))
        if not steps and within is not None:
            place.child("within").refuse("The first step has none before it.")
        steps.append(Step(matcher, within, tuple(found for _, found in between)))
        between = []
    absences = tuple(_read_absence(place, matcher) for place, matcher in between)
    if steps and steps[0].without or not steps:
        reader.refuse("The first step must be something that happened.")
    return tuple(steps), absences


def _refuse_within(between: list[tuple[Reader, Matcher]]) -> None:
    for place, _ in between:
        if (within := place.child("within")).value is not None:
            within.refuse("What does not happen between two steps has no length of time.")


def _read_absence(place: Reader, matcher: Matcher) -> Absence:
    within = place.child("within")
    if within.value is None:
        within.refuse("For how long it does not happen is missing here, such as PT24H.")
        return Absence(matcher, 0)
    return Absence(matcher, span(within.duration()))
