"""Steps as conditions, in whatever words and however long ago."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalization.events.catalogue import known_events
from personalization.ml.base import InvalidConfig
from personalization.ml.sequences.rules import SequenceRulesConfig
from personalization.ml.sequences.spoken import (
    duration,
    left_at,
    never,
    sequence,
    states_categories,
    step_of,
)
from personalization.ml.sequences.suggest import SuggestConfig, suggestions
from personalization.ml.symbols import symbol_of
from personalization.ml.unfit import UnfitData
from personalization.rules.catalogue import Catalogue
from personalization.rules.evaluate import evaluate
from personalization.rules.parse import parse
from personalization.rules.writing import rule
from tests.effort import examples
from tests.ml.sequences.people import MINUTE, walk
from tests.ml.sequences.test_suggest import GAP, PEOPLE
from tests.rules.world import Happening, History, facts

NOW = 10**12
CATALOGUE = Catalogue(events=known_events(), retention=timedelta(days=750))
#: Parts of paths: other scripts, what looks like a pattern, languages, what is longer.
PART = st.sampled_from(
    ["größe", "年齢", "a.b", "a*", "(", "[x]", "en", "shop", "shopping", "%", " "]
)
#: What a database keeps.
TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20)
PATHS = st.lists(PART, max_size=3).map(lambda parts: "/" + "/".join(parts))


def holds(stored: Any, *happened: Happening, now: int = NOW) -> bool:
    parsed = parse(stored)
    return evaluate(parsed, facts(History(list(happened)), parsed), now=now).holds


def has_done(step: Any, *happened: Happening) -> bool:
    return not holds(rule(never(step)), *happened)


def page(path: Any, *, at: int = 1, **more: Any) -> Happening:
    return Happening("Page Viewed", at, {"path": path, **more})


@given(PATHS, PATHS)
@examples(80)
def test_a_rule_of_a_page_holds_for_the_pages_of_its_type(one: str, other: str) -> None:
    symbol = symbol_of("page", "Page Viewed", {"path": one})
    if not symbol:
        return
    same = symbol_of("page", "Page Viewed", {"path": other}) == symbol
    assert has_done(step_of(symbol), page(one))
    assert has_done(step_of(symbol), page(other)) is same


@given(TEXT.filter(lambda text: " > " not in text), PATHS)
@examples(40)
def test_a_category_is_meant_as_it_is_written(category: str, path: str) -> None:
    symbol = symbol_of("page", "Page Viewed", {"category": category, "path": path})
    assert symbol == f"page:{category}"
    step = step_of(symbol, stated=True)
    assert has_done(step, page(path, category=category))
    assert not has_done(step, page(path, category=f"{category}x"))
    assert not has_done(step, page(path))


@pytest.mark.parametrize("symbol", ["Größe gewählt", "年齢", "Order Completed"])
def test_an_event_of_any_name_is_a_step(symbol: str) -> None:
    assert has_done(step_of(symbol), Happening(symbol, 1))
    assert not has_done(step_of(symbol), Happening(f"{symbol}x", 1))
    assert not has_done(step_of(symbol))


@pytest.mark.parametrize(("minutes", "is_near"), [(0, True), (30, True), (31, False)])
def test_a_step_comes_soon_enough_or_not_at_all(minutes: int, is_near: bool) -> None:
    steps = [step_of("/a"), step_of("/b")]
    near = rule(sequence(steps, within=timedelta(minutes=30), last=None))
    happened = page("/a", at=MINUTE), page("/b", at=(1 + minutes) * MINUTE)
    assert holds(near, *happened) is is_near
    assert holds(rule(sequence(steps, within=None, last=None)), *happened)


@pytest.mark.parametrize(("days", "is_new"), [(6, True), (8, False)])
def test_what_is_too_long_ago_is_not_meant(days: int, is_new: bool) -> None:
    stored = rule(sequence([step_of("/a"), step_of("/b")], within=None, last=timedelta(days=7)))
    at = 100 * 24 * 60 * MINUTE
    happened = page("/a", at=MINUTE), page("/b", at=at)
    assert holds(stored, *happened, now=at + days * 24 * 60 * MINUTE) is is_new


@pytest.mark.parametrize(("hours", "has_left"), [(1, False), (3, True)])
def test_who_comes_to_the_goal_in_time_has_not_left(hours: int, has_left: bool) -> None:
    stored = rule(
        left_at(step_of("/cart"), goal=step_of("Order Completed"), after=timedelta(hours=2), last=None)
    )  # fmt: skip
    ordered = Happening("Order Completed", MINUTE + hours * 60 * MINUTE)
    assert holds(stored, page("/cart", at=MINUTE), ordered) is has_left


@given(st.integers(1, 10**7))
@examples(60)
def test_a_duration_is_read_as_it_was_meant(seconds: int) -> None:
    written = duration(timedelta(seconds=seconds))
    units = {"D": 86_400, "H": 3_600, "M": 60, "S": 1}
    number, unit = int(written.lstrip("PT")[:-1]), written[-1]
    assert number * units[unit] == seconds
    assert written.startswith("P" if unit == "D" else "PT")
    # In the largest unit that it is whole in.
    assert all(seconds % size for size in units.values() if size > units[unit])


@pytest.mark.parametrize(
    ("symbols", "stated"),
    [([], False), (["/a", "Page Viewed", "My page:"], False), (["/a", "page:x"], True)],
)
def test_categories_are_stated_if_any_page_states_one(symbols: list[str], stated: bool) -> None:
    assert states_categories(symbols) is stated


# -- what is suggested ------------------------------------------------------------------------


def test_suggestions_come_by_their_figures_whoever_is_asked_first() -> None:
    found = suggestions(PEOPLE, goal="Order Completed", gap=GAP, catalogue=CATALOGUE)
    again = suggestions(PEOPLE[::-1], goal="Order Completed", gap=GAP, catalogue=CATALOGUE)
    assert again == found
    for each in found:
        assert 0 < each.reached <= each.people
        assert 0 <= each.chance <= 1
        assert (each.lift > 1) == (each.kind == "pattern") or each.kind == "drop-out"


def test_a_suggested_rule_holds_for_no_one_who_reached_the_goal() -> None:
    pattern = next(
        each
        for each in suggestions(PEOPLE, goal="Order Completed", gap=GAP, catalogue=CATALOGUE)
        if each.kind == "pattern"
    )
    on_the_way = [page("/", at=NOW - 2 * MINUTE), page("/guide", at=NOW - MINUTE)]
    assert holds(pattern.rule, *on_the_way)
    assert not holds(pattern.rule, *on_the_way, Happening("Order Completed", NOW - 1))


@pytest.mark.parametrize("some", [[], [walk()], [walk("/")] * 50, [walk("Order Completed")] * 50])
def test_where_nobody_or_everybody_reaches_the_goal_nothing_is_suggested(some: Any) -> None:
    with pytest.raises(UnfitData, match="people reach “Order Completed”"):
        suggestions(some, goal="Order Completed", gap=GAP, catalogue=CATALOGUE)


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"lift": 0.5}, "“lift” is 0.5; allowed: 1 to 1000"),
        ({"longest": 1}, "“longest” is 1; allowed: 2 to 10"),
        ({"days": 751}, "“days” is 751; allowed: 1 to 750"),
        ({"hours": float("inf")}, "“hours” is inf; allowed: 1 to 10000"),
        ({"people": None}, "“people” is None; allowed: 1 to"),
        ({"größe": 2}, "no “größe” here; allowed: days, hours"),
    ],
)
def test_what_rules_of_sequences_cannot_be_told_is_refused_with_what_they_can(
    values: Any, says: str
) -> None:
    with pytest.raises(InvalidConfig, match=says):
        SequenceRulesConfig.read(values)


@pytest.mark.parametrize("hours", [1, 23])
def test_how_long_is_waited_is_shorter_than_how_far_is_looked_back(hours: int) -> None:
    assert SuggestConfig(days=1, hours=hours).hours == hours
    with pytest.raises(InvalidConfig, match="less than the 1 “days”"):
        SuggestConfig(days=1, hours=hours + 24)
