"""`event`: how often something happened, or what its numbers add up to, in a window."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal, cast

from personalization.exceptions import Problem
from personalization.rules.amount import LARGEST
from personalization.rules.canonical import Canonical, count_form, matcher_form, number_form
from personalization.rules.catalogue import Catalogue
from personalization.rules.leaves.event_repairs import event_repairs
from personalization.rules.leaves.event_words import actual_words, event_words
from personalization.rules.lint_demands import average_demand, count_demand, sum_demand
from personalization.rules.lint_events import DAYS, EVENTS, VALUES
from personalization.rules.lint_formula import Formula, every, opposite
from personalization.rules.matcher import Matcher, read_matcher
from personalization.rules.measured import average_sql, count_sql, distinct_sql, sum_sql
from personalization.rules.measures import Average, Count, Distinct, Extreme, Measure, Sum
from personalization.rules.need import AnyNeed
from personalization.rules.nodes import Leaf, Lookback
from personalization.rules.reading import Reader
from personalization.rules.repair import Repair, Situation
from personalization.rules.sql import Scope, Sql, conjunction, negation
from personalization.rules.state import Answer, Facts
from personalization.rules.threshold import Threshold
from personalization.rules.where import check_where
from personalization.rules.window import Window, read_window
from personalization.types import Json, Microseconds

Aggregate = Literal["count", "sum", "avg", "min", "max", "distinct", "days"]
AGGREGATES: tuple[Aggregate, ...] = ("count", "sum", "avg", "min", "max", "distinct", "days")
#: Those of a property; the others are of the events themselves.
OF_A_PROPERTY = ("sum", "avg", "min", "max", "distinct")
_NUMERIC = ("sum", "avg", "min", "max")


@dataclass(frozen=True)
class EventLeaf(Leaf):
    kind = "event"

    matcher: Matcher
    threshold: Threshold
    window: Window = Window()
    aggregate: Aggregate = "count"
    path: tuple[str, ...] = ()

    @classmethod
    def read(cls, reader: Reader) -> EventLeaf:
        reader.only(
            "id", "kind", "event", "aggregate", "prop", "operator", "value", "window", "where",
            "scope",
        )  # fmt: skip
        chosen = reader.child("aggregate")
        aggregate = cast(Aggregate, "count" if chosen.value is None else chosen.choice(AGGREGATES))
        window, between = read_window(reader)
        matcher = replace(read_matcher(reader), between=between)
        if aggregate in _NUMERIC:
            threshold = Threshold.of_number(reader, at_most=LARGEST)
        else:
            threshold = Threshold.of_count(reader)
        prop = reader.child("prop")
        path: tuple[str, ...] = ()
        if aggregate in OF_A_PROPERTY:
            path = prop.path()
        elif prop.value is not None:
            prop.refuse(f"“{aggregate}” is of the events themselves and takes no property.")
        return cls(matcher, threshold, window, aggregate, path)

    @cached_property
    def measure(self) -> Measure:
        parts = (self.matcher, self.window, self.threshold)
        match self.aggregate:
            case "count":
                return Count(*parts)
            case "sum":
                return Sum(*parts, self.path)
            case "avg":
                return Average(*parts, self.path)
            case "distinct":
                return Distinct(*parts, self.path)
            case "days":
                return Distinct(*parts)
            case "min" | "max":
                return Extreme(*parts, self.path, largest=self.aggregate == "max")

    @property
    def browser_visible(self) -> bool:
        return self.window.in_visit

    def depends_on(self) -> frozenset[str]:
        return super().depends_on() | ({"visit"} if self.window.in_visit else set())

    def needs(self) -> tuple[AnyNeed, ...]:
        return self.measure.needs()

    def canonical(self) -> Canonical:
        whole = self.aggregate in ("count", "distinct", "days")
        threshold = count_form(self.threshold) if whole else number_form(self.threshold)
        window = self.window
        seen = [window.length, window.delay, window.scope]
        named: Json = [self.kind, matcher_form(self.matcher), self.aggregate, list(self.path), seen]
        return Canonical([named, threshold.form], threshold.negated)

    def demand(self) -> Formula:
        parts = (self.matcher, self.window, self.threshold)
        measure = self.measure
        if isinstance(measure, Extreme):
            return _extreme_demand(measure)
        if self.aggregate == "sum":
            return sum_demand(*parts, path=self.path)
        if self.aggregate == "avg":
            numbers = Extreme(*parts, self.path).any.matcher
            return average_demand(*parts, path=self.path, numbers=numbers)
        of = {"count": EVENTS, "days": DAYS}.get(self.aggregate, VALUES + ".".join(self.path))
        return count_demand(*parts, of=of)

    def lookbacks(self) -> Iterator[Lookback]:
        if self.window.length is not None:
            yield Lookback("/window/last", self.window.length)
        if self.matcher.between is not None:
            yield Lookback("/window/to", end=self.matcher.between.end)

    def conditions(self) -> int:
        return self.matcher.conditions

    def matchers(self) -> tuple[Matcher, ...]:
        return (self.matcher,)

    def repairs(self, situation: Situation, *, wanted: bool) -> Iterator[Repair]:
        return event_repairs(self, situation, wanted=wanted)

    def answer(self, facts: Facts, *, now: Microseconds) -> Answer:
        return self.measure.answer(facts, now)

    def sql(self, scope: Scope) -> Sql:
        measure = self.measure
        if isinstance(measure, Extreme):
            return _extreme_sql(measure, scope)
        parts = (self.matcher, self.window, self.threshold, scope)
        if self.aggregate == "count":
            return count_sql(*parts)
        if self.aggregate == "sum":
            return sum_sql(*parts, path=self.path)
        if self.aggregate == "avg":
            return average_sql(*parts, path=self.path)
        return distinct_sql(*parts, path=self.path if self.aggregate == "distinct" else None)

    def sentence(self, catalogue: Catalogue) -> str:
        return event_words(self, catalogue)

    def denial(self, catalogue: Catalogue) -> str:
        return event_words(
            replace(self, threshold=self.threshold.complement), catalogue, denied=True
        )

    @property
    def tells_values(self) -> bool:
        return self.aggregate in _NUMERIC

    def actual(self, facts: Facts, *, now: Microseconds) -> str:
        return actual_words(self, facts, now=now)

    def check(self, catalogue: Catalogue, *, pointer: str) -> Iterator[Problem]:
        yield from self.window.check(catalogue, pointer=pointer)
        if self.aggregate in _NUMERIC:
            field = catalogue.property(self.matcher.event, ".".join(self.path))
            if field is not None and field.type != "number":
                yield Problem(
                    pointer=f"{pointer}/prop",
                    message=f"“{self.aggregate}” is of numbers; {field.name} is a {field.type}.",
                    value=field.name,
                )
        if self.matcher.where is not None:
            yield from check_where(self.matcher.where, catalogue, event=self.matcher.event)


def _extreme_demand(measure: Extreme) -> Formula:
    def of(part: Count) -> Formula:
        return count_demand(part.matcher, part.window, part.threshold)

    return measure.combined(of, both=every, complement=opposite)


def _extreme_sql(measure: Extreme, scope: Scope) -> Sql:
    def of(part: Count) -> Sql:
        return count_sql(part.matcher, part.window, part.threshold, scope)

    return measure.combined(of, both=conjunction, complement=negation)
