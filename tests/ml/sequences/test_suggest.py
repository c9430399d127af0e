"""Rules of patterns hold for exactly those who did it, and say so in words."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalization.clock import span
from personalization.events.catalogue import known_events
from personalization.ml.base import InvalidConfig
from personalization.ml.sequences.dropouts import DropOutConfig
from personalization.ml.sequences.prefixspan import MiningConfig, followers, patterns
from personalization.ml.sequences.spoken import (
    duration,
    left_at,
    never,
    sequence,
    states_categories,
    step_of,
)
from personalization.ml.sequences.suggest import SuggestConfig, Suggestion, suggestions
from personalization.ml.symbols import symbol_of
from personalization.ml.unfit import UnfitData
from personalization.ml.walks import Walk
from personalization.rules.catalogue import Catalogue
from personalization.rules.evaluate import evaluate
from personalization.rules.parse import parse
from personalization.rules.writing import rule
from tests.effort import examples
from tests.ml.sequences.people import MINUTE, walk
from tests.rules.world import Happening, History, facts

GAP = timedelta(minutes=30)
CATALOGUE = Catalogue(events=known_events(), retention=timedelta(days=750))

_PATHS = st.sampled_from([
    "/", "/shop", "/shop/", "/shop/1", "/shopping", "/en", "/en/", "/en/shop/2", "/en/shopping",
    "//", "/en//x", "shop", None,
])  # fmt: skip
_PAGES = st.fixed_dictionaries(
    {}, optional={"path": _PATHS, "category": st.sampled_from(["shop", "", 5, None])}
)
_EVENTS = st.tuples(st.just("Page Viewed"), _PAGES) | st.tuples(
    st.sampled_from(["Product Added", "Order Completed", "Engaged", "Scroll Depth Reached"]),
    st.just({}),
)


@st.composite
def _history(draw: st.DrawFn) -> History:
    happened = draw(st.lists(st.tuples(_EVENTS, st.sampled_from([1, 29, 30, 31])), max_size=7))
    at, events = 0, []
    for (name, properties), pause in happened:
        at += pause * MINUTE
        events.append(Happening(name, at, properties))
    return History(events)


def walk_of(history: History) -> Walk:
    kinds = {"Page Viewed": "page"}
    steps = [
        (symbol, event.at)
        for event in history.occurrences()
        if (symbol := symbol_of(kinds.get(event.name, "track"), event.name, event.properties))
    ]
    return Walk(steps=tuple(step for step, _ in steps), at=tuple(at for _, at in steps))


def holds_for(stored: Any, histories: list[History], *, now: int) -> set[int]:
    parsed = parse(stored)
    return {
        n
        for n, history in enumerate(histories)
        if evaluate(parsed, facts(history, parsed), now=now).holds
    }


NOW = 10**12


@examples(50)
@given(st.lists(_history(), min_size=1, max_size=6), st.sampled_from([0, 30]))
def test_the_rule_of_a_pattern_holds_for_those_who_did_it(histories: Any, minutes: int) -> None:
    walks = [walk_of(history) for history in histories]
    config = MiningConfig(support=0, people=1, shortest=2, longest=3, minutes=minutes)
    stated = states_categories([step for one in walks for step in one.steps])
    within = timedelta(minutes=minutes) if minutes else None
    for pattern in patterns(walks, config=config)[:6]:
        steps = [step_of(step, stated=stated) for step in pattern.steps]
        stored = rule(sequence(steps, within=within, last=None))
        did = set(followers(walks, pattern.steps, config=config).tolist())
        assert holds_for(stored, histories, now=NOW) == did


@examples(40)
@given(st.lists(_history(), min_size=1, max_size=6))
def test_the_rule_of_an_end_holds_for_those_who_stopped_there(histories: Any) -> None:
    walks = [walk_of(history) for history in histories]
    stated = states_categories([step for one in walks for step in one.steps])
    goal, after = "Order Completed", timedelta(minutes=30)
    for symbol in {step for one in walks for step in one.steps} - {goal}:
        stored = rule(
            left_at(step_of(symbol, stated=stated), goal=step_of(goal), after=after, last=None)
        )
        expected = {
            n
            for n, one in enumerate(walks)
            if any(
                step == symbol
                and not any(
                    other == goal and at < then <= at + span(after)
                    for other, then in zip(one.steps, one.at, strict=True)
                )
                for step, at in zip(one.steps, one.at, strict=True)
            )
        }
        assert holds_for(stored, histories, now=NOW) == expected


@pytest.mark.parametrize("symbol", ["Order Completed", "/shop", "page:shop", "Page Viewed"])
def test_what_never_happened_can_be_said_of_every_step(symbol: str) -> None:
    histories = [
        History(
            [Happening("Order Completed", 1), Happening("Page Viewed", 2, {"path": "/shop/1"})]
        ),
        History([Happening("Page Viewed", 1, {"category": "shop"})]),
        History([Happening("Page Viewed", 1)]),
        History(),
    ]
    walks = [walk_of(history) for history in histories]
    expected = {n for n, one in enumerate(walks) if symbol not in one.steps}
    stored = rule(never(step_of(symbol, stated=True)))
    assert holds_for(stored, histories, now=NOW) == expected


# -- what is suggested -----------------------------------------------------------------------

PEOPLE = [
    *[walk("/", "/shop", "/guide", "Product Added", "Order Completed")] * 60,
    *[walk("/", "/shop", "/guide", "Product Added")] * 20,
    *[walk("/", "/shop", "Product Added")] * 80,
    *[walk("/", "/shop", "/")] * 140,
    *[walk("/guide", "/", "/shop")] * 40,
]


@pytest.fixture(scope="module")
def found() -> list[Suggestion]:
    return suggestions(PEOPLE, goal="Order Completed", gap=GAP, catalogue=CATALOGUE)


def test_a_pattern_is_suggested_that_says_more_than_its_parts(found: list[Suggestion]) -> None:
    # Who begins with the guide buys nothing; so coming to it from elsewhere says something.
    (best,) = (each for each in found if each.kind == "pattern")
    assert best.steps == ("/", "/guide")
    assert (best.people, best.reached, best.members) == (80, 60, 20)
    assert best.lift == pytest.approx((60 / 80) / (60 / 340))


def test_what_the_same_people_did_is_suggested_once() -> None:
    every = SuggestConfig(same=1)
    found = suggestions(PEOPLE, goal="Order Completed", gap=GAP, config=every)
    assert {each.steps for each in found if each.kind == "pattern"} == {("/", "/guide")}
    nearly = [*PEOPLE, *[walk("/shop", "/guide", "Product Added", "Order Completed")] * 4]
    both = suggestions(nearly, goal="Order Completed", gap=GAP, config=every)
    assert len([each for each in both if each.kind == "pattern"]) > 1
    one = suggestions(nearly, goal="Order Completed", gap=GAP)
    assert len([each for each in one if each.kind == "pattern"]) == 1


def test_a_rule_is_said_in_words(found: list[Suggestion]) -> None:
    assert [each.sentence for each in found] == [
        "Visitors who viewed a page where path is /, then viewed a page where path is /guide or "
        "path starts with /guide/ within 30 minutes, in the last 30 days and never ordered",
        "Visitors who added a product to the cart, then never ordered for 24 hours, in the last "
        "30 days",
        "Visitors who viewed a page where path is /, then never ordered for 24 hours, in the last "
        "30 days",
    ]


def test_what_nobody_is_left_of_is_not_suggested() -> None:
    # All who came from the guide to the cart ordered: nobody waits to be spoken to.
    everybody = [
        *[walk("/", "/guide", "Product Added", "Order Completed")] * 60,
        *[walk("/", "/shop", "Product Added")] * 80,
        *[walk("/guide", "/", "/shop")] * 100,
    ]
    found = suggestions(everybody, goal="Order Completed", gap=GAP)
    assert [each for each in found if each.kind == "pattern"] == []
    one_waits = [*everybody, walk("/", "/guide", "Product Added")]
    patterns_found = [
        each
        for each in suggestions(one_waits, goal="Order Completed", gap=GAP)
        if each.kind == "pattern"
    ]
    assert {each.members for each in patterns_found} == {1}
    few = SuggestConfig(members=2)
    again = suggestions(one_waits, goal="Order Completed", gap=GAP, config=few)
    assert [each for each in again if each.kind == "pattern"] == []


def test_who_ordered_in_the_next_visit_did_not_stop() -> None:
    # Visits end at the cart, and all of these people order an hour later.
    later = (0.0, 1.0, 2.0, 90.0, 91.0)
    people = [
        *[walk("/", "/shop", "Product Added", "/", "Order Completed", minutes=later)] * 60,
        *[walk("/", "/shop", "/shop", "/shop", "/shop", "/shop")] * 20,
    ]
    found = suggestions(people, goal="Order Completed", gap=GAP)
    assert "Product Added" not in {step for each in found for step in each.steps}
    one_left = [*people, walk("/", "/shop", "Product Added")]
    (end,) = (
        each
        for each in suggestions(one_left, goal="Order Completed", gap=GAP)
        if each.steps == ("Product Added",)
    )
    assert (end.kind, end.members) == ("drop-out", 1)


@examples(30)
@given(st.lists(_history(), min_size=1, max_size=6))
def test_the_rule_holds_for_as_many_as_are_told(histories: Any) -> None:
    walks = [walk_of(history) for history in histories]
    config = SuggestConfig(lift=1, better=1, chance=1, same=1, members=1)
    mining = MiningConfig(support=0, people=1, longest=2)
    try:
        found = suggestions(
            walks, goal="Order Completed", gap=GAP, mining=mining, config=config,
            ends=DropOutConfig(visits=1, reached=1, chance=1),
        )  # fmt: skip
    except UnfitData:
        return
    for each in found:
        assert each.members == len(holds_for(each.rule, histories, now=NOW)) > 0


def test_where_people_stop_is_suggested_too(found: list[Suggestion]) -> None:
    end = next(each for each in found if each.kind == "drop-out")
    assert end.steps == ("Product Added",)
    assert (end.people, end.reached, end.ended, end.members) == (160, 60, 100, 100)
    assert end.ways == (("Order Completed", 1.0),)
    steps = 60 * 4 + 20 * 4 + 80 * 3 + 140 * 2 + 40 * 3
    assert end.usual == pytest.approx((20 + 80 + 140 + 40) / steps)
    (leaf,) = end.rule["root"]["rules"]  # type: ignore[index,call-overload]
    assert leaf["steps"][1] == {"event": "Order Completed", "absent": True, "within": "P1D"}
    assert leaf["last"] == "P30D"


def test_rules_look_no_further_back_than_events_are_kept() -> None:
    short = Catalogue(events=known_events(), retention=timedelta(days=7))
    for each in suggestions(PEOPLE, goal="Order Completed", gap=GAP, catalogue=short):
        (leaf, *_) = each.rule["root"]["rules"]  # type: ignore[index,call-overload]
        assert leaf["last"] == "P7D"


def test_there_are_so_many_of_each_kind_and_no_more() -> None:
    config = SuggestConfig(most=1, better=1, lift=1)
    found = suggestions(PEOPLE, goal="Order Completed", gap=GAP, config=config)
    assert [each.kind for each in found] == ["pattern", "drop-out"]


def test_a_goal_that_nobody_reaches_says_so() -> None:
    with pytest.raises(UnfitData, match="0 of 340 people reach “Product Shared”"):
        suggestions(PEOPLE, goal="Product Shared", gap=GAP)


@pytest.mark.parametrize(
    "values", [{"lift": 0.5}, {"days": 1, "hours": 24}, {"same": 2}, {"nonsense": 1}]
)
def test_what_is_no_configuration_is_refused(values: Any) -> None:
    with pytest.raises(InvalidConfig, match="allowed"):
        SuggestConfig.read(values)


@pytest.mark.parametrize(
    ("length", "written"),
    [
        (timedelta(days=30), "P30D"),
        (timedelta(hours=36), "PT36H"),
        (timedelta(minutes=90), "PT90M"),
        (timedelta(seconds=61), "PT61S"),
    ],
)
def test_lengths_of_time_are_written_in_their_largest_unit(length: timedelta, written: str) -> None:
    assert duration(length) == written
