"""Synthetic visitors: they really enter the rule that they are made for, and really leave it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from personalization.rules.catalogue import Catalogue, EventKind
from personalization.rules.change import NO_FACTS, applied
from personalization.rules.evaluate import evaluate
from personalization.rules.turning import Question
from personalization.rules.witness import EVERYBODY, NOBODY, Witnesses, witnesses
from personalization.types import Microseconds
from tests.effort import Tries, examples, some_or_all
from tests.rules import oracle, strategies
from tests.rules.building import (
    Stored,
    absent,
    both,
    consent,
    context,
    feature,
    happened,
    measured,
    none_of,
    prop,
    recency,
    regularity,
    rule,
    segment,
    sequence,
    trait,
)
from tests.rules.lives import later, lived
from tests.rules.oracle import DAY, HOUR
from tests.rules.strategies import NOW
from tests.rules.world import History, linked

KNOWN = Catalogue(
    events={
        "Product Viewed": EventKind("Product Viewed", "viewed a product"),
        "Order Completed": EventKind("Order Completed", "ordered"),
    }
)
#: What happened once for all, or in days that are over: there is no way back.
FOR_GOOD = ("where", "dates")
#: Brute force goes through so many histories.
TRIED = 120


def made(*children: Stored) -> Witnesses:
    """Return the witnesses of a rule, which the oracle has judged."""
    stored = rule(*children)
    found = witnesses(linked(stored, {"vips": None}), now=NOW, catalogue=KNOWN)
    judge(stored, {"vips": None}, found)
    return found


def judge(stored: Any, segments: Any, found: Witnesses) -> None:
    """Fail unless those who were found enter, and leave."""
    if found.enters is not None:
        inside = lived(History(), found.enters.change)
        assert oracle.holds(stored["root"], inside, segments, now=found.enters.change.at)
    if found.leaves is not None:
        assert found.enters is not None
        outside = lived(History(), found.enters.change, found.leaves.change)
        assert found.leaves.change.at >= found.enters.change.at
        assert not oracle.holds(stored["root"], outside, segments, now=found.leaves.change.at)
    assert bool(found.reason) is (found.enters is None or found.leaves is None)


ABANDONED = sequence("Product Added", absent("Order Completed", within="PT1H"))
KINDS = {
    "count": happened("Product Viewed", ">=", 3, last="P1D"),
    "never": happened("Order Completed", "=", 0),
    "where": happened("Product Viewed", where=prop("category", "=", "shoes")),
    "sum": measured("sum", "price", ">", 99.5, last="P1W"),
    "avg": measured("avg", "price", "<", 10),
    "min": measured("min", "price", ">=", 10, last="P1D"),
    "max": measured("max", "price", "=", 10, last="P1D"),
    "distinct": measured("distinct", "category", ">=", 4, last="P1D"),
    "days": measured("days", None, ">=", 4, last="P1W"),
    "visit": happened("Product Viewed", ">=", 4, scope="visit"),
    "delayed": happened("Product Viewed", ">=", 2, window={"last": "P2D", "until": "P1D"}),
    "dates": happened(
        "Product Viewed", window={"from": "2026-02-01T00:00Z", "to": "2026-02-02T00:00Z"}
    ),
    "recency": recency("Order Completed", ">=", "P30D"),
    "fresh": recency("Order Completed", "<=", "PT1H"),
    "regularity": regularity("Product Viewed", "P1D", 4, 3, ">=", 2),
    "trait": trait("plan", "in", ["pro", "team"]),
    "pattern": trait("email", "matches", "^[a-z]+@example\\.(com|org)$"),
    "feature": feature("orders.count", ">=", 2),
    "consent": consent("marketing"),
    "segment": segment("vips"),
    "device": context("device", "=", "mobile"),
    "hour": context("hour", "between", [22, 6]),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_condition_has_somebody_who_enters_and_leaves(kind: str) -> None:
    found = made(KINDS[kind])
    assert found.enters is not None
    assert found.leaves is not None or kind in FOR_GOOD


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_condition_has_somebody_under_a_not(kind: str) -> None:
    assert made(none_of(KINDS[kind])).enters is not None


def test_an_abandoned_cart_is_entered_by_waiting_and_left_for_good_only() -> None:
    found = made(ABANDONED)
    assert found.enters is not None
    assert found.enters.change.at == found.enters.change.occurrences[-1].at + HOUR
    assert found.leaves is None
    assert found.reason == EVERYBODY


def test_they_enter_now_where_the_rule_lets_them() -> None:
    for kind in ("count", "sum", "recency", "regularity", "trait"):
        found = made(KINDS[kind])
        assert found.enters is not None
        assert found.enters.change.at == NOW


def test_a_span_of_dates_is_visited_when_it_was() -> None:
    found = made(KINDS["dates"])
    assert found.enters is not None
    assert found.enters.change.at < NOW


def test_they_leave_by_time_alone_where_nothing_else_helps() -> None:
    found = made(KINDS["count"])
    assert found.leaves is not None
    assert found.leaves.change.occurrences == ()
    assert NOW < found.leaves.change.at <= NOW + DAY


def test_they_leave_by_what_they_do() -> None:
    found = made(happened("Product Viewed"), happened("Order Completed", "=", 0))
    assert found.leaves is not None
    assert [each.name for each in found.leaves.change.occurrences] == ["Order Completed"]


def test_the_steps_are_in_plain_words() -> None:
    found = made(
        happened("Product Viewed", ">=", 2, where=prop("category", "=", "shoes")),
        happened("Order Completed", "=", 0),
    )
    assert found.enters is not None
    assert found.enters.steps == ("viewed a product twice (category is shoes) from 11:59 to 12:00",)
    assert found.leaves is not None
    assert found.leaves.steps == ("ordered at 12:01",)


def test_what_is_known_of_them_comes_first() -> None:
    found = made(trait("plan", "=", "pro"), consent("marketing"), happened("Product Viewed"))
    assert found.enters is not None
    assert found.enters.steps == (
        "plan is pro", "agrees to marketing", "viewed a product at 12:00",
    )  # fmt: skip


def test_a_rule_that_holds_for_everybody_needs_nothing_and_is_never_left() -> None:
    found = made(happened("Product Viewed", ">=", 0))
    assert found.enters is not None
    assert found.enters.steps == ()
    assert found.leaves is None
    assert found.reason == EVERYBODY


def test_nobody_enters_a_contradiction() -> None:
    found = made(trait("plan", "=", "pro"), trait("plan", "=", "free"))
    assert (found.enters, found.leaves, found.reason) == (None, None, NOBODY)


def test_the_same_rule_has_the_same_witnesses() -> None:
    assert made(KINDS["sum"]) == made(KINDS["sum"])


@some_or_all(150)
def test_witnesses_enter_and_leave(tries: Tries) -> None:
    @tries
    @given(stored=strategies.rules(), segments=strategies.segments())
    def holds(stored: Any, segments: dict[str, Any]) -> None:
        compiled = linked(stored, segments)
        found = witnesses(compiled, now=NOW)
        judge(stored, segments, found)
        if found.enters is not None:
            change = found.enters.change
            known = applied(change, NO_FACTS, needs=Question.of(compiled).needs)
            assert evaluate(compiled, known, now=change.at).holds

    holds()


@pytest.fixture(scope="module")
def tried() -> list[History]:
    """Return what brute force goes through."""
    drawn: list[History] = []

    @settings(examples(TRIED), phases=[Phase.generate], database=None)
    @given(strategies.histories())
    def draw(history: History) -> None:
        drawn.append(history)

    draw()
    return drawn


def somebody_enters(stored: Any, segments: Any, tried: list[History]) -> bool:
    return any(oracle.holds(stored["root"], one, segments, now=NOW) for one in tried)


def somebody_leaves(stored: Any, found: Witnesses, tried: list[History]) -> bool:
    """Return whether anything that could happen lets the same visitor leave."""
    assert found.enters is not None
    at = found.enters.change.at
    inside = lived(History(), found.enters.change)
    return any(
        not oracle.holds(stored["root"], joined(inside, more), {}, now=when)
        for more in [later(one, than=at) for one in tried]
        for when in instants(more, at)
    )


def joined(inside: History, more: History) -> History:
    return History(
        events=[*inside.events, *more.events],
        traits=more.traits,
        features=more.features,
        consents=more.consents,
        memberships=more.memberships,
        context=more.context,
    )


def instants(more: History, at: Microseconds) -> list[Microseconds]:
    last = max((event.at for event in more.events), default=at)
    return [last, last + HOUR, last + 31 * DAY]


@some_or_all(120)
def test_whoever_brute_force_finds_is_found(tries: Tries, tried: list[History]) -> None:
    @tries
    @given(stored=strategies.rules(), segments=strategies.segments())
    def holds(stored: Any, segments: dict[str, Any]) -> None:
        if somebody_enters(stored, segments, tried):
            assert witnesses(linked(stored, segments), now=NOW).enters is not None

    holds()


_simple = st.lists(strategies.events(), min_size=1, max_size=2).map(
    lambda leaves: {"version": 1, "root": both(*leaves)}
)


@examples(60)
@given(stored=_simple)
def test_whoever_brute_force_lets_leave_leaves(tried: list[History], stored: Any) -> None:
    found = witnesses(linked(stored, {}), now=NOW)
    if found.enters is not None and found.leaves is None:
        assert not somebody_leaves(stored, found, tried)


def test_brute_force_finds_somebody_where_there_is_somebody(tried: list[History]) -> None:
    viewed = happened("Page Viewed", last="P1D")
    assert somebody_enters(rule(viewed), {}, tried)
    assert not somebody_enters(rule(viewed, none_of(viewed)), {}, tried)
    assert somebody_leaves(rule(viewed), made(viewed), tried)
