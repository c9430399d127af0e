"""What could happen, applied to facts: the same as if it had happened."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from personalization.rules.catalogue import Catalogue, EventKind, Field
from personalization.rules.change import NO_FACTS, Change, applied, happening, joined
from personalization.rules.change_words import change_words
from personalization.rules.evaluate import evaluate
from personalization.rules.interval import Interval
from tests.effort import Tries, some_or_all
from tests.rules import strategies
from tests.rules.building import happened, rule, sequence
from tests.rules.lives import later, lived
from tests.rules.oracle import DAY, HOUR
from tests.rules.strategies import NOW
from tests.rules.world import History, facts, linked

MINUTE = HOUR // 60


def viewed(at: int, **properties: Any) -> Change:
    return Change(at=at, occurrences=(happening("Page Viewed", properties, at=at),))


@some_or_all(100)
def test_facts_after_a_change_are_those_of_the_longer_history(tries: Tries) -> None:
    @tries
    @given(
        before=strategies.histories(),
        after=strategies.histories(),
        stored=strategies.rules(),
        segments=strategies.segments(),
        waited=st.integers(0, 2 * DAY),
    )
    def holds(
        before: History, after: History, stored: Any, segments: dict[str, Any], waited: int
    ) -> None:
        compiled = linked(stored, segments)
        events = tuple(later(after, than=NOW).occurrences())
        at = max([NOW, *(each.at for each in events)]) + waited
        change = Change(
            at=at, occurrences=events, traits=after.traits, features=after.features,
            context=after.context, consents={"marketing": "marketing" in after.consents},
            memberships={"vips": True},
        )  # fmt: skip
        needs = joined(need for leaf in compiled.leaves() for need in leaf.needs())
        found = applied(change, facts(before, compiled), needs=needs)
        expected = facts(lived(before, change), compiled)
        assert evaluate(compiled, found, now=at) == evaluate(compiled, expected, now=at)

    holds()


def test_what_was_known_before_is_left_alone() -> None:
    compiled = linked(rule(happened("Page Viewed", ">=", 2)), {})
    needs = compiled_needs(compiled)
    once = applied(viewed(NOW), NO_FACTS, needs=needs)
    applied(viewed(NOW + 1), once, needs=needs)
    assert once.kept(needs[0]).total == 1
    assert NO_FACTS.kept(needs[0]).total == 0


def compiled_needs(compiled: Any) -> Any:
    return joined(need for leaf in compiled.leaves() for need in leaf.needs())


def test_an_event_before_others_is_put_in_from_the_log() -> None:
    compiled = linked(rule(sequence("Page Viewed", "Product Added")), {})
    needs = compiled_needs(compiled)
    added = Change(at=NOW, occurrences=(happening("Product Added", {}, at=NOW),)).numbered(0)
    known = applied(added, NO_FACTS, needs=needs)
    earlier = applied(viewed(NOW - HOUR).numbered(1), known, needs=needs)
    assert not evaluate(compiled, known, now=NOW).holds
    assert evaluate(compiled, earlier, now=NOW).holds


def test_visits_end_a_gap_after_their_last_event() -> None:
    once = applied(viewed(NOW), NO_FACTS, needs=())
    assert once.visit == Interval(NOW, NOW + 30 * MINUTE)
    twice = applied(viewed(NOW + 10 * MINUTE), once, needs=())
    assert twice.visit == Interval(NOW, NOW + 40 * MINUTE)
    new = applied(viewed(NOW + 40 * MINUTE), twice, needs=())
    assert new.visit == Interval(NOW + 40 * MINUTE, NOW + 70 * MINUTE)


def test_memberships_by_hand_begin_and_end_at_the_instant() -> None:
    inside = applied(Change(at=NOW, memberships={"vips": True}), NO_FACTS, needs=())
    assert inside.segments == {"vips": Interval(NOW)}
    outside = applied(Change(at=NOW + 1, memberships={"vips": False}), inside, needs=())
    assert outside.segments == {"vips": Interval(NOW, NOW + 1)}
    never = applied(Change(at=NOW, memberships={"vips": False}), NO_FACTS, needs=())
    assert never.segments == {}


def test_one_change_after_the_other_is_both() -> None:
    first = Change(at=NOW, traits={"a": 1, "b": 1}, consents={"marketing": True})
    second = Change(at=NOW + 1, traits={"b": 2}, consents={"marketing": False})
    both = first.then(second)
    assert (both.at, both.traits, both.consents) == (NOW + 1, {"a": 1, "b": 2},
                                                     {"marketing": False})  # fmt: skip
    assert first.then(Change(at=NOW - 5)).at == NOW


def test_it_moves_as_a_whole() -> None:
    moved = viewed(NOW).numbered(7).shifted(-HOUR)
    assert moved.at == moved.occurrences[0].at == NOW - HOUR
    assert moved.occurrences[0].message_id == "~000007"


def test_machines_read_it_as_json() -> None:
    change = viewed(NOW, price=2).then(Change(at=NOW + 1, traits={"plan": "pro"}))
    assert change.as_json() == {
        "at": NOW + 1,
        "events": [{"event": "Page Viewed", "at": NOW, "properties": {"price": 2}}],
        "traits": {"plan": "pro"},
        "features": {},
        "consents": {},
        "memberships": {},
        "context": {},
    }


KNOWN = Catalogue(
    traits={"plan": Field("plan", "tariff", "text")},
    events={"Page Viewed": EventKind("Page Viewed", "viewed a page",
                                     {"price": Field("price", "amount", "number")})},
    segments={"vips": "VIPs"},
)  # fmt: skip


def words(change: Change) -> tuple[str, ...]:
    return change_words(change, KNOWN, now=NOW)


def test_words_say_what_is_known_and_then_what_happens() -> None:
    change = Change(
        at=NOW, traits={"plan": "pro", "gone": None, "address": {"city": "Köln"}},
        features={"orders.count": 3}, consents={"marketing": True, "analytics": False},
        memberships={"vips": True, "staff": False}, context={"utm": {"source": "mail"}},
    )  # fmt: skip
    assert words(change.then(viewed(NOW, price=2.0))) == (
        "tariff is pro",
        "gone is not known",
        "address.city is Köln",
        "orders.count is 3",
        "agrees to marketing",
        "does not agree to analytics",
        "is in “VIPs” (by hand)",
        "is not in “staff” (by hand)",
        "campaign source is mail",
        "viewed a page (amount is 2) at 12:00",
    )


def test_words_put_together_what_is_alike() -> None:
    change = viewed(NOW).then(viewed(NOW + MINUTE)).then(viewed(NOW + 2 * MINUTE, price=1))
    assert words(change) == (
        "viewed a page twice from 12:00 to 12:01",
        "viewed a page (amount is 1) at 12:02",
    )


def test_words_say_how_long_nothing_happens() -> None:
    assert words(Change(at=NOW + DAY)) == ("nothing more until tomorrow 12:00",)
    assert words(viewed(NOW).then(Change(at=NOW + 30 * DAY)))[-1] == (
        "nothing more until 2026-03-31 12:00"
    )
    assert words(Change(at=NOW)) == ()
