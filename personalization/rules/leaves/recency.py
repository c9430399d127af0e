"""`recency`: how long ago something happened for the last or the first time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cached_property
from typing import Literal, cast

from personalization.clock import span
from personalization.exceptions import Problem
from personalization.rules.canonical import Canonical, matcher_form
from personalization.rules.catalogue import Catalogue
from personalization.rules.counter import Counter, CounterNeed
from personalization.rules.lint_demands import recency_demand
from personalization.rules.lint_formula import Formula
from personalization.rules.matcher import Matcher, read_matcher
from personalization.rules.measured import members
from personalization.rules.need import AnyNeed
from personalization.rules.nodes import Leaf, Lookback
from personalization.rules.reading import Reader
from personalization.rules.repair import Repair, Situation, happened, matcher_words
from personalization.rules.sql import Scope, Sql
from personalization.rules.state import Answer, Facts
from personalization.rules.threshold import COMPLEMENT, CountOperator
from personalization.rules.where import check_where, where_sentence
from personalization.rules.window import Window, too_long
from personalization.rules.words import at_words, duration_words
from personalization.types import Microseconds

RECENCY_OPERATORS = (">=", ">", "<=", "<")
_WORDS: Mapping[CountOperator, str] = {
    ">=": "at least {age} ago", ">": "more than {age} ago", "<=": "at most {age} ago",
    "<": "less than {age} ago",
}  # fmt: skip


@dataclass(frozen=True)
class RecencyLeaf(Leaf):
    kind = "recency"

    matcher: Matcher
    which: Literal["last", "first"]
    operator: CountOperator
    age: timedelta
    #: Whether those who never did it are meant, too: what the complement of a test says.
    or_never: bool = False

    @classmethod
    def read(cls, reader: Reader) -> RecencyLeaf:
        reader.only("id", "kind", "event", "which", "operator", "value", "where")
        chosen = reader.child("which")
        which = "last" if chosen.value is None else chosen.choice(("last", "first"))
        return cls(
            read_matcher(reader),
            cast(Literal["last", "first"], which),
            cast(CountOperator, reader.child("operator").choice(RECENCY_OPERATORS)),
            reader.child("value").duration(),
        )

    @cached_property
    def _need(self) -> CounterNeed:
        return CounterNeed(self.matcher, 2)

    def needs(self) -> tuple[AnyNeed, ...]:
        return (self._need,)

    def canonical(self) -> Canonical:
        matched = matcher_form(self.matcher)
        return Canonical([self.kind, matched, self.which, self.operator, span(self.age)])

    def demand(self) -> Formula:
        return recency_demand(
            self.matcher, span(self.age), which=self.which, operator=self.operator
        )

    def lookbacks(self) -> Iterator[Lookback]:
        yield Lookback("/value", span(self.age))

    def conditions(self) -> int:
        return self.matcher.conditions

    def matchers(self) -> tuple[Matcher, ...]:
        return (self.matcher,)

    def repairs(self, situation: Situation, *, wanted: bool) -> Iterator[Repair]:
        yield from super().repairs(situation, wanted=wanted)
        event = matcher_words(self.matcher, situation.catalogue)
        for shape in situation.shapes.of(self.matcher):
            for then in (0, span(self.age), span(self.age) + 1):
                change = situation.happening([shape], then=then)
                if situation.answer(self, change).holds is not wanted:
                    continue
                until = situation.instant(change.at, late=True)
                words = f"{event} once more" + (f", then not until {until}" if then else "")
                yield happened(change, words, situation=situation)
                break

    def answer(self, facts: Facts, *, now: Microseconds) -> Answer:
        counter = facts.kept(self._need)
        if not counter.tells_of(now):
            counter = facts.read(self._need)
        at = _instant(counter, self.which, now)
        ahead = counter.ahead(now)
        upcoming = counter.newest[ahead - 1] if ahead else None
        if at is None:
            return Answer(False, upcoming)
        # An age of exactly the value belongs to ">=" and "<=": the others turn an instant later.
        turns = at + span(self.age) + (self.operator in (">", "<="))
        holds = (now >= turns) is (self.operator in (">=", ">"))
        edges = [edge for edge in (turns if turns > now else None, upcoming) if edge is not None]
        return Answer(holds, min(edges, default=None))

    def sql(self, scope: Scope) -> Sql:
        newest = "MAX" if self.which == "last" else "MIN"
        # An age of at least the value: at or before the instant that long ago.
        comparison = {">=": "<=", ">": "<", "<=": ">=", "<": ">"}[self.operator]
        bound = scope.timestamp(scope.now - span(self.age))
        having = Sql(f"{newest}(e.timestamp) {comparison} %s", (bound,))
        return members(self.matcher, Window(), scope, having=having)

    def sentence(self, catalogue: Catalogue) -> str:
        words = [self.which, catalogue.phrase(self.matcher.event)]
        if self.matcher.where is not None:
            condition = where_sentence(self.matcher.where, catalogue, event=self.matcher.event)
            words.append(f"(where {condition})")
        words.append(_WORDS[self.operator].format(age=duration_words(self.age)))
        if self.or_never:
            words.append("(including never)")
        return " ".join(words)

    def denial(self, catalogue: Catalogue) -> str:
        return replace(self, operator=COMPLEMENT[self.operator], or_never=True).sentence(catalogue)

    def actual(self, facts: Facts, *, now: Microseconds) -> str:
        at = _instant(facts.kept(self._need), self.which, now)
        return "never" if at is None else at_words(at, now=now)

    def check(self, catalogue: Catalogue, *, pointer: str) -> Iterator[Problem]:
        yield from too_long(self.age, catalogue, pointer=f"{pointer}/value")
        if self.matcher.where is not None:
            yield from check_where(self.matcher.where, catalogue, event=self.matcher.event)


def _instant(
    counter: Counter, which: Literal["last", "first"], now: Microseconds
) -> Microseconds | None:
    if which == "first":
        return counter.first if counter.first is not None and counter.first <= now else None
    return next((at for at in counter.newest if at <= now), None)
