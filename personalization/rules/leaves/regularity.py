"""`regularity`: often enough in enough of the last periods, such as weeks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cached_property

from personalization.clock import span
from personalization.exceptions import Problem
from personalization.rules.canonical import Canonical, count_form, matcher_form
from personalization.rules.catalogue import Catalogue
from personalization.rules.change import Change, happening
from personalization.rules.lint_demands import regularity_demand
from personalization.rules.lint_formula import Formula
from personalization.rules.matcher import Matcher, read_matcher
from personalization.rules.need import AnyNeed
from personalization.rules.nodes import Leaf, Lookback
from personalization.rules.reading import Reader
from personalization.rules.repair import (
    MAX_EVENTS,
    Repair,
    Situation,
    happened,
    matcher_words,
    more_words,
)
from personalization.rules.series import SeriesNeed
from personalization.rules.shapes import Shape
from personalization.rules.sql import Scope, Sql, conjunction, negation
from personalization.rules.state import Answer, Facts
from personalization.rules.threshold import Threshold
from personalization.rules.values import Moments
from personalization.rules.where import check_where, where_sentence
from personalization.rules.window import too_long
from personalization.rules.words import duration_words, times_words
from personalization.types import Microseconds

MAX_PERIODS = 60


@dataclass(frozen=True)
class RegularityLeaf(Leaf):
    """Period k of `periods` is what lies between k and k − 1 `period`s ago."""

    kind = "regularity"

    matcher: Matcher
    period: timedelta
    periods: int
    at_least: int
    threshold: Threshold
    denied: bool = False

    @classmethod
    def read(cls, reader: Reader) -> RegularityLeaf:
        reader.only(
            "id", "kind", "event", "period", "periods", "at_least", "operator", "value", "where"
        )
        periods = reader.child("periods").count(at_least=1, at_most=MAX_PERIODS)
        return cls(
            read_matcher(reader),
            reader.child("period").duration(),
            periods,
            reader.child("at_least").count(at_least=1, at_most=periods),
            Threshold.of_count(reader),
        )

    @cached_property
    def _length(self) -> Microseconds:
        return span(self.period)

    @cached_property
    def _need(self) -> SeriesNeed:
        return SeriesNeed(self.matcher, Moments(), self._length * self.periods)

    def needs(self) -> tuple[AnyNeed, ...]:
        return (self._need,)

    def canonical(self) -> Canonical:
        tested = count_form(self.threshold)
        matched = matcher_form(self.matcher)
        # What fails in enough periods does not hold in too few of them.
        fitting = self.periods - self.at_least + 1 if tested.negated else self.at_least
        form = [self.kind, matched, self._length, self.periods, fitting, tested.form]
        return Canonical(form, tested.negated)

    def demand(self) -> Formula:
        return regularity_demand(
            self.matcher,
            self._length,
            periods=self.periods,
            at_least=self.at_least,
            threshold=self.threshold,
        )

    def lookbacks(self) -> Iterator[Lookback]:
        yield Lookback("/periods", self._length * self.periods)

    def conditions(self) -> int:
        return self.matcher.conditions

    def matchers(self) -> tuple[Matcher, ...]:
        return (self.matcher,)

    def repairs(self, situation: Situation, *, wanted: bool) -> Iterator[Repair]:
        yield from super().repairs(situation, wanted=wanted)
        for shape in situation.shapes.of(self.matcher):
            for later in range(self.periods):
                change = self._filled(shape, situation, later, wanted=wanted)
                if change is None or situation.answer(self, change).holds is not wanted:
                    continue
                event = matcher_words(self.matcher, situation.catalogue)
                n = len(change.occurrences)
                length = duration_words(self.period)
                words = f"{event} {more_words(n)}"
                if later:
                    words += f", in the next {later + 1} periods of {length}"
                yield happened(change, words, situation=situation)
                break

    def _filled(
        self, shape: Shape, situation: Situation, later: int, *, wanted: bool
    ) -> Change | None:
        """Return the fewest events of this shape with which enough periods fit, so many periods
        later. Nothing can be added to a period that is over."""
        fits = self.threshold if wanted else self.threshold.complement
        enough = self.at_least if wanted else self.periods - self.at_least + 1
        first = situation.now + situation.pace
        end = first + later * self._length
        counts = [0] * self.periods
        for at in self._instants(situation.facts, situation.now):
            if at <= situation.now and (place := (end - at) // self._length) < self.periods:
                counts[place] += 1
        missing: list[tuple[int, int]] = []
        for place, n in enumerate(counts):
            more = _missing(fits, n)
            if more == 0 or (more is not None and place <= later):
                missing.append((more, place))
        chosen = sorted(missing)[:enough]
        if len(chosen) < enough or not 0 < sum(more for more, _ in chosen) <= MAX_EVENTS:
            return None
        events = [
            happening(shape.name, shape.properties, at=end - place * self._length)
            for more, place in sorted(chosen, key=lambda one: -one[1])
            for _ in range(more)
        ]
        return Change(at=end, occurrences=tuple(events))

    def answer(self, facts: Facts, *, now: Microseconds) -> Answer:
        instants = self._instants(facts, now)
        counts = [0] * self.periods
        for at in instants:
            if at <= now:
                counts[(now - at) // self._length] += 1
        fit = sum(self.threshold.holds(n) for n in counts)
        holds = fit >= self.at_least
        for at, moved in self._moves(instants, now):
            for place in moved:
                fit += _move(counts, place, self.threshold)
            if (fit >= self.at_least) is not holds:
                return Answer(holds, at)
        return Answer(holds)

    def _instants(self, facts: Facts, now: Microseconds) -> list[Microseconds]:
        start = now - self._length * self.periods
        series = facts.kept(self._need)
        if not series.reaches(start):
            series = facts.read(self._need)
        return [at for at, _ in series.points if at > start]

    def _moves(
        self, instants: list[Microseconds], now: Microseconds
    ) -> Iterator[tuple[Microseconds, list[int]]]:
        """Yield each later instant at which events go from one period to the one before, with
        the places that they come to: 0 is the newest period, `periods` is outside."""
        moves: dict[Microseconds, list[int]] = {}
        for at in instants:
            first = max(0, (now - at) // self._length + 1)
            for place in range(first, self.periods + 1):
                moves.setdefault(at + place * self._length, []).append(place)
        yield from sorted(moves.items())

    def sql(self, scope: Scope) -> Sql:
        if not self.threshold.holds(0):
            return self._fitting(scope, self.threshold, self.at_least)
        # Periods without events fit, and grouping does not find them: count those that fail.
        failing = self.periods - self.at_least + 1
        return negation(self._fitting(scope, self.threshold.complement, failing))

    def _fitting(self, scope: Scope, threshold: Threshold, at_least: int) -> Sql:
        """Return whether at least so many periods with events have a count that passes."""
        bounds = [
            scope.timestamp(scope.now - self._length * (place + 1)) for place in range(self.periods)
        ]
        place = " ".join(f"WHEN e.timestamp > %s THEN {n}" for n in range(self.periods))
        condition = conjunction(
            [
                self.matcher.sql(scope, alias="e"),
                Sql(
                    "e.timestamp <= %s AND e.timestamp > %s",
                    (scope.timestamp(scope.now), bounds[-1]),
                ),
            ]
        )
        text = (
            "p.id IN (SELECT fits.profile_id FROM (SELECT found.profile_id FROM "
            f"(SELECT i.profile_id, CASE {place} END AS place FROM {scope.tables['event']} e "
            f"JOIN {scope.tables['identity']} i ON i.id = e.identity_id "
            f"WHERE {condition.text}) found GROUP BY found.profile_id, found.place "
            f"HAVING COUNT(*) {threshold.sql} %s) fits "
            "GROUP BY fits.profile_id HAVING COUNT(*) >= %s)"
        )
        return Sql(text, (*bounds, *condition.params, int(threshold.value), at_least))

    def sentence(self, catalogue: Catalogue) -> str:
        condition = ""
        if self.matcher.where is not None:
            found = where_sentence(self.matcher.where, catalogue, event=self.matcher.event)
            condition = f", where {found},"
        often = {
            ">=": "at least {}", ">": "more than {}", "<=": "at most {}", "<": "fewer than {}",
            "=": "exactly {}", "!=": "not exactly {}",
        }[self.threshold.operator].format(times_words(int(self.threshold.value)))  # fmt: skip
        enough = f"fewer than {self.at_least}" if self.denied else f"at least {self.at_least}"
        period = duration_words(self.period)
        return (
            f"{catalogue.phrase(self.matcher.event)}{condition} {often} in {enough} "
            f"of the last {self.periods} periods of {period}"
        )

    def denial(self, catalogue: Catalogue) -> str:
        return replace(self, denied=True).sentence(catalogue)

    def actual(self, facts: Facts, *, now: Microseconds) -> str:
        counts = [0] * self.periods
        for at in self._instants(facts, now):
            if at <= now:
                counts[(now - at) // self._length] += 1
        fit = sum(self.threshold.holds(n) for n in counts)
        listed = ", ".join(str(n) for n in counts[:12])
        more = ", …" if len(counts) > 12 else ""
        return f"in {fit} of {self.periods} (newest first: {listed}{more})"

    def check(self, catalogue: Catalogue, *, pointer: str) -> Iterator[Problem]:
        yield from too_long(self.period * self.periods, catalogue, pointer=f"{pointer}/periods")
        if self.matcher.where is not None:
            yield from check_where(self.matcher.where, catalogue, event=self.matcher.event)


def _missing(threshold: Threshold, n: int) -> int | None:
    """Return how many more than `n` pass at least; None: no more do."""
    value = int(threshold.value)
    fitting = (total - n for total in (n, value, value + 1, n + 1) if total >= n)
    return min((more for more in fitting if threshold.holds(n + more)), default=None)


def _move(counts: list[int], place: int, threshold: Threshold) -> int:
    """Let one event come to `place` from the one before; return by how much more fits now."""
    changed = [at for at in (place - 1, place) if 0 <= at < len(counts)]
    before = sum(threshold.holds(counts[at]) for at in changed)
    for at in changed:
        counts[at] += 1 if at == place else -1
    return sum(threshold.holds(counts[at]) for at in changed) - before
