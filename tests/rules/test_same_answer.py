"""One rule, one meaning: memory, SQL and a naive count give the same answer (law 2)."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
from django.db import transaction
from hypothesis import given
from hypothesis import strategies as st

from personalization.clock import moment
from personalization.rules.evaluate import evaluate, membership
from personalization.rules.interval import Interval
from personalization.segments.models import Segment
from personalization.segments.population import matching
from personalization.types import Json, Microseconds
from tests.effort import Tries, examples, some_or_all
from tests.rules import oracle, strategies
from tests.rules.strategies import NOW
from tests.rules.world import History, facts, linked, stored

#: Triples of rule, history and instant that the default run compares at least.
TRIPLES = 10_000
HISTORIES, RULES, INSTANTS = 6, 5, 3


@pytest.mark.django_db
@examples(TRIPLES // (HISTORIES * RULES * INSTANTS) + 1)
@given(
    histories=st.lists(strategies.histories(), min_size=HISTORIES, max_size=HISTORIES),
    rules=st.lists(strategies.rules(), min_size=RULES, max_size=RULES),
    segments=strategies.segments(),
)
def test_memory_and_sql_agree(
    histories: list[History], rules: list[Json], segments: dict[str, Any]
) -> None:
    with transaction.atomic():
        for slug in strategies.MANUAL:
            Segment.objects.create(slug=slug, name=slug, kind=Segment.Kind.MANUAL)
        ids = stored(histories)
        for rule in rules:
            compare(rule, segments, dict(zip(ids, histories, strict=True)))
        transaction.set_rollback(True)


def compare(rule: Json, segments: dict[str, Any], population: dict[int, History]) -> None:
    compiled = linked(rule, segments)
    known = {pk: facts(history, compiled) for pk, history in population.items()}
    changes = [evaluate(compiled, one, now=NOW).changes for one in known.values()]
    edge = min((change for change in changes if change is not None), default=NOW + oracle.HOUR)
    for now in (NOW, edge - 1, edge):
        expected = {pk for pk, one in known.items() if evaluate(compiled, one, now=now).holds}
        assert matching(compiled, now=moment(now)) == expected


#: Fewer draws, and every rule of one about every history of it.
_worlds = given(
    histories=st.lists(strategies.histories(), min_size=3, max_size=3),
    rules=st.lists(strategies.rules(), min_size=3, max_size=3),
    segments=strategies.segments(),
)


@some_or_all(60)
def test_memory_is_what_counting_says(tries: Tries) -> None:
    @tries
    @_worlds
    def holds(histories: list[History], rules: list[Any], segments: dict[str, Any]) -> None:
        for rule, history in product(rules, histories):
            compiled = linked(rule, segments)
            answer = evaluate(compiled, facts(history, compiled), now=NOW)
            assert answer.holds is oracle.holds(rule["root"], history, segments, now=NOW)
            flips = foretold(rule, history, segments)
            first = min((at for at in flips if at > NOW), default=None)
            assert answer.changes is None or answer.changes > NOW
            assert first is None or (answer.changes is not None and answer.changes <= first)
            if exactly_foretold(rule):
                assert answer.changes == first

    holds()


def exactly_foretold(rule: Any) -> bool:
    """Return whether the change is told exactly: of one leaf that is not made of two counts."""
    (leaf, *others) = oracle.every_leaf(rule["root"])
    if others or leaf["kind"] == "segment":
        return False
    made_of_two = leaf.get("aggregate") in ("min", "max") or leaf.get("operator") in ("=", "!=")
    return leaf["kind"] != "event" or not made_of_two


@some_or_all(60)
def test_memberships_begin_and_end_to_the_microsecond(tries: Tries) -> None:
    @tries
    @_worlds
    def holds(histories: list[History], rules: list[Any], segments: dict[str, Any]) -> None:
        for rule, history in product(rules, histories):
            compiled = linked(rule, segments)
            span = membership(compiled, facts(history, compiled), now=NOW)
            flips = foretold(rule, history, segments)
            start = next((at for at, holds in flips.items() if holds), None)
            if start is None:
                assert span is None
            else:
                end = next((at for at, holds in flips.items() if at > start and not holds), None)
                assert span == Interval(start, end)

    holds()


def foretold(rule: Any, history: History, segments: dict[str, Any]) -> dict[Microseconds, bool]:
    """Return the answer at NOW and each later instant at which it turns, by trying them all."""
    edges = oracle.edges(rule, history, segments, now=NOW)
    instants = {at + off for at in edges for off in (0, 1)}  # “longer ago than” turns after one
    flips: dict[Microseconds, bool] = {}
    answer: bool | None = None
    for at in sorted({NOW, *(at for at in instants if at > NOW)}):
        found = oracle.holds(rule["root"], history, segments, now=at)
        if found is not answer:
            flips[at] = answer = found
    return flips
