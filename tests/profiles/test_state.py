"""State is a function of the set of events, never of their order (law 1)."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalization.profiles.models import Snapshot
from personalization.profiles.plan import Plan, plan
from personalization.profiles.state import STORED_FIELDS, State, load, store
from personalization.rules.counter import Counter, CounterNeed
from personalization.rules.matcher import Matcher
from personalization.rules.occurrence import Occurrence
from personalization.rules.parse import parse
from tests.effort import examples
from tests.rules.building import both, happened, prop, rule

NOW = 1_772_366_400_000_000
NEEDS = parse(
    rule(
        happened("Product Added", value=2),
        happened("Product Added", value=1, where=both(prop("category", "=", "shoes"))),
        happened("Order Completed", value=3, last="P1D"),
    )
)


def needed() -> Plan:
    return plan(need for leaf in NEEDS.leaves() for need in leaf.needs())


def state_of(*occurrences: Occurrence, known: State | None = None) -> State:
    state = known or State()
    state.apply(occurrences, needed())
    return replace(state, touched=set())


def reloaded(state: State) -> State:
    """Return the state as it comes back from the database."""
    snapshot = Snapshot()
    store(state, snapshot)
    for name in STORED_FIELDS:
        value = getattr(snapshot, name)
        if isinstance(value, dict):
            setattr(snapshot, name, json.loads(json.dumps(value)))
    return load(snapshot)


def identify(message_id: str, *, at: int = NOW, **traits: Any) -> Occurrence:
    return Occurrence("identify", "identify", traits, at, message_id)


_values = st.sampled_from([None, "shoes", "hats", 1, 2.5, True, ["a"], {"b": 1}])
_tracked = st.builds(
    lambda name, category, total, at, number: Occurrence(
        "track", name, {"category": category, "total": total, "seconds": total}, NOW - at, number
    ),
    st.sampled_from(["Product Added", "Order Completed", "Engaged", "Page Viewed"]),
    _values,
    st.sampled_from([0, 19.99, 0.1, -5, "12", True, 10**20, None]),
    st.integers(0, 5),
    st.just(""),
)
_identified = st.builds(
    lambda traits, at, number: Occurrence("identify", "identify", traits, NOW - at, number),
    st.dictionaries(st.sampled_from(["plan", "city"]), _values, max_size=2),
    st.integers(0, 3),
    st.just(""),
)
# Several sources may use the same message ids, so they are not always different here.
occurrences = st.lists(
    st.builds(
        lambda occurrence, number: replace(occurrence, message_id=f"m-{number}"),
        _tracked | _identified,
        st.integers(0, 30),
    ),
    max_size=10,
)


@examples(300)
@given(occurrences, st.randoms(use_true_random=False))
def test_any_order_gives_the_same_state(events: list[Occurrence], random: Any) -> None:
    shuffled = random.sample(events, len(events))
    assert state_of(*shuffled) == state_of(*events)


@examples(300)
@given(occurrences, st.integers(0, 10))
def test_state_goes_on_from_where_it_was_stored(events: list[Occurrence], cut: int) -> None:
    first = reloaded(state_of(*events[:cut]))
    assert state_of(*events[cut:], known=first) == state_of(*events)


@examples(300)
@given(st.lists(st.integers(0, 20)), st.integers(1, 5))
def test_a_counter_keeps_exactly_the_newest(instants: list[int], size: int) -> None:
    counter = Counter()
    for at in instants:
        counter = counter.add(at, size=size)
    assert counter.newest == tuple(sorted(instants, reverse=True)[:size])
    assert counter.total == len(instants)
    assert counter.first == min(instants, default=None)
    assert counter.last == max(instants, default=None)


@pytest.mark.parametrize("turned", [False, True])
def test_the_later_statement_of_a_trait_counts(turned: bool) -> None:
    events = [identify("a", at=NOW, plan="free"), identify("b", at=NOW + 1, plan="pro")]
    assert state_of(*(reversed(events) if turned else events)).traits == {"plan": "pro"}


@pytest.mark.parametrize("turned", [False, True])
def test_at_one_instant_the_message_id_decides(turned: bool) -> None:
    events = [identify("a", plan="pro"), identify("b", plan="free")]
    assert state_of(*(reversed(events) if turned else events)).traits == {"plan": "free"}


@pytest.mark.parametrize("turned", [False, True])
def test_with_one_message_id_from_two_sources_the_value_decides(turned: bool) -> None:
    events = [identify("a", plan="pro"), identify("a", plan="free")]
    assert state_of(*(reversed(events) if turned else events)).traits == {"plan": "pro"}


def test_null_makes_a_trait_unknown_again() -> None:
    state = state_of(identify("a", plan="pro"), identify("b", at=NOW + 1, plan=None))
    assert state.traits == {"plan": None}
    assert state_of(identify("c", plan="late"), known=state).traits == {"plan": None}


def test_traits_not_named_stay() -> None:
    state = state_of(identify("a", plan="pro"), identify("b", at=NOW + 1, city="Köln"))
    assert state.traits == {"plan": "pro", "city": "Köln"}


def test_properties_of_other_events_are_no_traits() -> None:
    assert state_of(Occurrence("track", "Order Completed", {"plan": "x"}, NOW, "a")).traits == {}


def test_only_what_changed_is_touched() -> None:
    state = State()
    state.apply([identify("a", at=NOW, plan="pro")], needed())
    assert state.touched == {"trait:plan", "feature:events.count"}
    state.touched.clear()
    state.apply([identify("b", at=NOW - 1, plan="late")], needed())
    assert state.touched == {"feature:events.count"}
    state.touched.clear()
    state.apply([Occurrence("track", "Product Added", {"category": "hats"}, NOW, "c")], needed())
    added = Matcher("Product Added").id
    features = {"feature:events.count", "feature:cart.adds", "feature:interest.score"}
    assert state.touched == {f"counter:{added}", *features}


def test_first_and_last_seen_are_the_ends() -> None:
    state = state_of(*(identify(str(at), at=at) for at in (5, 3, 9)))
    assert (state.first_seen, state.last_seen) == (3, 9)


def test_equal_matchers_share_the_largest_counter() -> None:
    small, large = CounterNeed(Matcher("Page Viewed"), 2), CounterNeed(Matcher("Page Viewed"), 5)
    other = CounterNeed(Matcher("Order Completed"), 1)
    made = plan([small, large, small, other])
    assert made.needs == {"Page Viewed": (large,), "Order Completed": (other,)}


def test_a_plan_is_named_by_what_is_in_it() -> None:
    small, large = CounterNeed(Matcher("Page Viewed"), 2), CounterNeed(Matcher("Page Viewed"), 5)
    assert plan([small, large]).id == plan([large]).id != plan([small]).id != plan([]).id


def test_a_plan_adds_up_the_score_with_its_own_weights() -> None:
    added = Occurrence("track", "Product Added", {}, NOW, "a")
    for weights, points in (({"Product Added": 7}, 7), ({}, None)):
        state = State()
        state.apply(
            [added, Occurrence("track", "Page Viewed", {}, NOW, "b")], plan([], weights=weights)
        )
        assert state.sums.get("interest.score") == points


def test_other_weights_are_another_plan() -> None:
    one, other = {"Product Added": 3, "Page Viewed": 1}, {"Product Added": 3, "Page Viewed": 2}
    assert plan([], weights=one).id != plan([], weights=other).id
    assert plan([], weights=one).id == plan([], weights=dict(reversed(one.items()))).id
