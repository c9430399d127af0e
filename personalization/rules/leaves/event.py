"""`event`: how often something happened, in a window, where its properties say so."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cached_property
from typing import Literal, TypeVar, cast

from personalization.clock import moment, span
from personalization.exceptions import Problem
from personalization.rules.catalogue import Catalogue
from personalization.rules.matcher import CounterNeed, Matcher
from personalization.rules.nodes import Leaf
from personalization.rules.reading import Reader
from personalization.rules.sql import TRUE, Scope, Sql, conjunction, negation
from personalization.rules.state import NO_EVENTS, Answer, Counter, Facts, Interval, every, negate
from personalization.rules.where import check_where, read_where, where_sentence
from personalization.rules.words import at_words, duration_words, times_words
from personalization.types import Microseconds

T = TypeVar("T")

CountOperator = Literal[">=", ">", "<=", "<", "=", "!="]
_COMPLEMENT: Mapping[CountOperator, CountOperator] = {
    ">=": "<", "<": ">=", ">": "<=", "<=": ">", "=": "!=", "!=": "=",
}  # fmt: skip
COUNT_OPERATORS: tuple[CountOperator, ...] = (">=", ">", "<=", "<", "=", "!=")
MAX_COUNT = 1000
_WORDS = {
    ">=": "at least {n}", ">": "more than {n}", "<=": "at most {n}",
    "<": "fewer than {count} times", "=": "exactly {n}", "!=": "not exactly {n}",
}  # fmt: skip


@dataclass(frozen=True)
class EventLeaf(Leaf):
    kind = "event"

    matcher: Matcher
    operator: CountOperator
    value: int
    last: timedelta | None = None

    @classmethod
    def read(cls, reader: Reader) -> EventLeaf:
        reader.only(
            "id", "kind", "event", "aggregate", "operator", "value", "window", "where", "scope"
        )
        if (aggregate := reader.child("aggregate")).value is not None:
            aggregate.choice(("count",))
        if (scope := reader.child("scope")).value is not None:
            scope.choice(("profile",))
        where = reader.child("where")
        last, between = _read_window(reader.child("window"))
        return cls(
            Matcher(
                reader.child("event").text(),
                read_where(where) if where.value is not None else None,
                between,
            ),
            cast(CountOperator, reader.child("operator").choice(COUNT_OPERATORS)),
            reader.child("value").count(at_most=MAX_COUNT),
            last,
        )

    def depends_on(self) -> frozenset[str]:
        return frozenset({f"event:{self.matcher.event}"})

    def counters(self) -> tuple[CounterNeed, ...]:
        return (CounterNeed(self.matcher, self.value + 1),)

    def answer(self, facts: Facts, *, now: Microseconds) -> Answer:
        counter = facts.counters.get(self.matcher.id, NO_EVENTS)
        window = self._window
        return self._counted(
            lambda n: _at_least(n, counter, window, now=now), both=every, complement=negate
        )

    @cached_property
    def _window(self) -> Microseconds | None:
        return span(self.last) if self.last is not None else None

    def sql(self, scope: Scope) -> Sql:
        return self._counted(
            lambda n: self._at_least_sql(n, scope), both=conjunction, complement=negation
        )

    def _counted(
        self,
        at_least: Callable[[int], T],
        *,
        both: Callable[[Iterable[T]], T],
        complement: Callable[[T], T],
    ) -> T:
        """Return the test made of “at least n” and its complement alone, in memory as in SQL.

        So zero events satisfy “< 1”, “<= 1” and “= 0”, as the reference of rules says.
        """
        negative = self.operator in ("<", "<=", "!=")
        operator = _COMPLEMENT[self.operator] if negative else self.operator
        if operator == "=":
            met = both([at_least(self.value), complement(at_least(self.value + 1))])
        else:
            met = at_least(self.value + (operator == ">"))
        return complement(met) if negative else met

    def _at_least_sql(self, n: int, scope: Scope) -> Sql:
        if n <= 0:
            return TRUE
        parts = [
            self.matcher.sql(scope, alias="e"),
            Sql("e.timestamp <= %s", (scope.timestamp(scope.now),)),
        ]
        if self.last is not None:
            start = scope.now - span(self.last)
            parts.append(Sql("e.timestamp > %s", (scope.timestamp(start),)))
        condition = conjunction(parts)
        text = (
            f"p.id IN (SELECT i.profile_id FROM {scope.tables['event']} e "
            f"JOIN {scope.tables['identity']} i ON i.id = e.identity_id WHERE {condition.text}"
        )
        if n == 1:
            return Sql(f"{text})", condition.params)
        return Sql(f"{text} GROUP BY i.profile_id HAVING COUNT(*) >= %s)", (*condition.params, n))

    def sentence(self, catalogue: Catalogue) -> str:
        words = [catalogue.phrase(self.matcher.event), *self._circumstances(catalogue)]
        if self._is_never:
            return " ".join(["never", *words])
        if not self._is_once:
            n = times_words(self.value)
            words.insert(1, _WORDS[self.operator].format(n=n, count=self.value))
            if self.operator in ("<", "<=", "!="):
                words.append("(including never)")
        return " ".join(words)

    def denial(self, catalogue: Catalogue) -> str:
        return replace(self, operator=_COMPLEMENT[self.operator]).sentence(catalogue)

    @property
    def _is_never(self) -> bool:
        return (self.operator, self.value) in (("=", 0), ("<", 1), ("<=", 0))

    @property
    def _is_once(self) -> bool:
        return (self.operator, self.value) in ((">=", 1), (">", 0), ("!=", 0))

    def _circumstances(self, catalogue: Catalogue) -> Iterator[str]:
        if self.last is not None:
            yield f"in the last {duration_words(self.last).removeprefix('1 ')}"
        if self.matcher.between is not None:
            yield _between_words(self.matcher.between)
        if self.matcher.where is not None:
            condition = where_sentence(self.matcher.where, catalogue, event=self.matcher.event)
            yield f"where {condition}"

    def actual(self, facts: Facts, *, now: Microseconds) -> str:
        counter = facts.counters.get(self.matcher.id, NO_EVENTS)
        seen = [at for at in counter.newest if at <= now]
        if not seen:
            return "never"
        latest = f"most recently {at_words(seen[0], now=now)}"
        if self.last is None:
            total = counter.total - (len(counter.newest) - len(seen))
            return f"{times_words(total)} in all, {latest}"
        inside = sum(at > now - span(self.last) for at in seen)
        more = " or more" if inside == len(seen) < counter.total else ""
        return f"{times_words(inside)}{more} in that time, {latest}"

    def check(self, catalogue: Catalogue, *, pointer: str) -> Iterator[Problem]:
        if self.last is not None and self.last > catalogue.retention:
            yield Problem(
                pointer=f"{pointer}/window/last",
                message=f"Events are kept for {duration_words(catalogue.retention)}; "
                "a window cannot look back further.",
                value=duration_words(self.last),
            )
        if self.matcher.where is not None:
            yield from check_where(self.matcher.where, catalogue, event=self.matcher.event)


def _at_least(
    n: int, counter: Counter, window: Microseconds | None, *, now: Microseconds
) -> Answer:
    """Answer “at least n” from the newest timestamps (at least n of them are kept).

    Met by its n-th newest event at t, a sliding window stops being met at t + window.
    Events after `now` take the room of older ones: about an instant in the past the
    answer is exact as long as at most (size − n) events are newer than it.
    """
    if n <= 0:
        return Answer(True)
    newest = counter.newest
    ahead = [at for at in newest if at > now] if newest and newest[0] > now else ()
    seen = newest[len(ahead) :] if ahead else newest
    began = counter.first is not None and counter.first <= now
    upcoming = (ahead[-1] if ahead else None) if began else counter.first
    if window is None:
        met = began and counter.total - len(ahead) >= n
        return Answer(met, None if met else upcoming)
    if len(seen) >= n and seen[n - 1] > now - window:
        return Answer(True, seen[n - 1] + window)
    return Answer(False, upcoming)


def _read_window(reader: Reader) -> tuple[timedelta | None, Interval | None]:
    if reader.value is None:
        return None, None
    if isinstance(reader.value, Mapping) and "last" in reader.value:
        reader.only("last")
        return reader.child("last").duration(), None
    reader.only("last", "from", "to")
    known = len(reader.problems)
    start, end = reader.child("from").instant(), reader.child("to").instant()
    if start >= end and len(reader.problems) == known:
        reader.refuse("“from” must lie before “to”.")
    return None, Interval(start, end)


def _between_words(between: Interval) -> str:
    assert between.end is not None
    start, end = (f"{moment(at):%Y-%m-%d %H:%M} UTC" for at in (between.start, between.end))
    return f"between {start} and {end}"
