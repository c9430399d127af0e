"""`context`: what the request says of the visitor at this very moment.

Live only: a rule with such a leaf is decided per request and has no stored members.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property, lru_cache
from zoneinfo import ZoneInfo

from personalization.clock import moment, site_zone, span
from personalization.exceptions import Problem
from personalization.rules.canonical import Canonical, field_form
from personalization.rules.catalogue import Catalogue, Field
from personalization.rules.compare import Comparison, Scalar, shown
from personalization.rules.lint_formula import Formula, Literal
from personalization.rules.lint_values import Value
from personalization.rules.nodes import Leaf
from personalization.rules.reading import Reader
from personalization.rules.repair import Repair, Situation, becoming
from personalization.rules.sql import FALSE, TRUE, Scope, Sql
from personalization.rules.state import Answer, Facts
from personalization.rules.where import FieldTest
from personalization.types import Json, Microseconds

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
HOURS = 24
FIELDS: dict[str, Field] = {
    field.name: field
    for field in (
        Field("device", "device", "text"),
        Field("referrer", "page they came from", "text"),
        Field("utm.source", "campaign source", "text"),
        Field("utm.medium", "campaign medium", "text"),
        Field("utm.campaign", "campaign name", "text"),
        Field("utm.term", "campaign term", "text"),
        Field("utm.content", "campaign content", "text"),
        Field("path", "path of the page", "text"),
        Field("language", "language", "text"),
        Field("hour", "hour of the day", "number"),
        Field("weekday", "day of the week", "text"),
    )
}
#: Those that follow from the clock alone, with all that they can be.
_CLOCK: dict[str, tuple[Scalar, ...]] = {"hour": tuple(range(HOURS)), "weekday": WEEKDAYS}
_ANYTHING = Comparison("is set")
_A_WEEK = span(timedelta(days=8))


@dataclass(frozen=True)
class ContextLeaf(Leaf):
    kind = "context"
    pronoun = "whose"

    test: FieldTest
    #: Hours [from, to), over midnight where `from` is the larger.
    hours: tuple[int, int] | None = None

    @classmethod
    def read(cls, reader: Reader) -> ContextLeaf:
        reader.only("id", "kind", "field", "operator", "value")
        field = reader.child("field").choice(tuple(FIELDS))
        path = tuple(field.split("."))
        if reader.child("operator").value == "between":
            return cls(FieldTest(path, _ANYTHING), _read_hours(reader, field))
        return cls(FieldTest(path, reader.comparison()))

    @property
    def live_only(self) -> bool:
        return True

    @property
    def browser_visible(self) -> bool:
        return True

    def tests(self) -> tuple[tuple[str, FieldTest], ...]:
        return () if self.test.name in _CLOCK else (("context", self.test),)

    def repairs(self, situation: Situation, *, wanted: bool) -> Iterator[Repair]:
        if self.test.name in _CLOCK:
            return super().repairs(situation, wanted=wanted)
        label = FIELDS[self.test.name].label
        return becoming(self.test, "context", situation, label=label, wanted=wanted)

    def canonical(self) -> Canonical:
        return field_form(self.kind, FieldTest(self.test.path, self._comparison))

    def demand(self) -> Formula:
        return Literal(
            Value(f"context:{self.test.name}", self._comparison, _CLOCK.get(self.test.name))
        )

    @property
    def _comparison(self) -> Comparison:
        """Return the test of hours as one of their list."""
        if self.hours is None:
            return self.test.comparison
        return Comparison("in", tuple(hour for hour in range(HOURS) if self._holds(hour)))

    def depends_on(self) -> frozenset[str]:
        return frozenset()

    def answer(self, facts: Facts, *, now: Microseconds) -> Answer:
        if self.test.name in _CLOCK:
            return self._clocked(now)
        return Answer(self._holds_at(now, facts.context))

    def _holds_at(self, now: Microseconds, context: Mapping[str, Json]) -> bool:
        if self.test.name in _CLOCK:
            return self._holds(_by_the_clock(self.test.name, now))
        return self._holds(self.test.value(context))

    def _clocked(self, now: Microseconds) -> Answer:
        return self._turned(self._holds_at(now, {}), _next_hour(now), site_zone())

    @cached_property
    def _turned(self) -> Callable[[bool, Microseconds, str], Answer]:
        """`_turn`, remembered: within an hour, the pages of all visitors ask the same."""
        return lru_cache(maxsize=4)(self._turn)

    def _turn(self, holds: bool, later: Microseconds, zone: str) -> Answer:
        """Return the answer of the clock that `holds` until `later`, a full hour in `zone`,
        at least: found by turning it on hour by hour."""
        end = later + _A_WEEK
        while later < end:
            if self._holds_at(later, {}) is not holds:
                return Answer(holds, later)
            later = _next_hour(later)
        return Answer(holds)

    def _holds(self, actual: Json) -> bool:
        if self.hours is None:
            return self.test.comparison.holds(actual)
        start, end = self.hours
        assert isinstance(actual, int)
        if start < end:
            return start <= actual < end
        return actual >= start or actual < end

    def sql(self, scope: Scope) -> Sql:
        """Return what holds of everybody in one request; without one, only the clock is known."""
        holds = self._holds_at(scope.now, scope.context)
        return TRUE if holds else FALSE

    def sentence(self, catalogue: Catalogue) -> str:
        label = FIELDS[self.test.name].label
        if self.hours is not None:
            return f"{label} is from {self.hours[0]}:00 to {self.hours[1]}:00"
        return f"{label} {self.test.comparison.sentence()}"

    def denial(self, catalogue: Catalogue) -> str:
        label = FIELDS[self.test.name].label
        if self.hours is not None:
            return f"{label} is not from {self.hours[0]}:00 to {self.hours[1]}:00"
        return f"{label} {self.test.comparison.denial()}"

    def actual(self, facts: Facts, *, now: Microseconds) -> str:
        if self.test.name in _CLOCK:
            return shown(_by_the_clock(self.test.name, now))
        value = self.test.value(facts.context)
        return "not known without a request" if value is None else shown(value)

    def check(self, catalogue: Catalogue, *, pointer: str) -> Iterator[Problem]:
        if self.hours is not None:
            return
        yield from self.test.check(FIELDS[self.test.name], pointer=pointer)
        if self.test.name == "weekday":
            for value in self.test.comparison.values:
                if value not in WEEKDAYS:
                    yield Problem(
                        pointer=f"{pointer}/value",
                        message=f"“{value}” is no day of the week.",
                        value=value,
                        allowed=WEEKDAYS,
                    )


def _read_hours(reader: Reader, field: str) -> tuple[int, int]:
    if field != "hour":
        reader.child("operator").refuse("“between” is for the hour only.", allowed=("=", "!="))
    value = reader.child("value")
    ends = value.items()
    if value.value is not None and len(ends) != 2:
        value.refuse("Two hours are needed here: from and to.")
        return 0, HOURS
    start, end = (each.count(at_most=HOURS) for each in ends) if ends else (0, HOURS)
    if ends and start == end:
        value.refuse("“from” and “to” must differ.")
    return start, end


def _local(now: Microseconds) -> datetime:
    return moment(now).astimezone(ZoneInfo(site_zone()))


def _by_the_clock(field: str, now: Microseconds) -> int | str:
    local = _local(now)
    return local.hour if field == "hour" else WEEKDAYS[local.weekday()]


def _next_hour(now: Microseconds) -> Microseconds:
    """Return the next instant at which the clock of the site shows a full hour."""
    local = _local(now)
    past = timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
    return now + span(timedelta(hours=1) - past)
