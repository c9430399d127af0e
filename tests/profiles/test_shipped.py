"""RFM, engagement, stages and personas: exact at every instant, in memory and in SQL."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

import pytest
from django.db import transaction
from hypothesis import given
from hypothesis import strategies as st

from personalization.clock import moment
from personalization.profiles.derived import derivations
from personalization.profiles.plan import plan
from personalization.profiles.shipped import RFM_GROUPS
from personalization.profiles.thresholds import shipped
from personalization.rules.derived import DerivedFeature, derived_features
from personalization.rules.parse import parse
from personalization.segments.population import matching
from personalization.types import Microseconds
from tests.effort import examples
from tests.rules.building import feature, rule
from tests.rules.oracle import DAY, HOUR
from tests.rules.world import Happening, History, facts, stored

NOW = 1_772_366_400_000_000  # 2026-03-01T12:00:00Z
NAMES = ("rfm.recency", "rfm.frequency", "rfm.monetary", "rfm.group", "engagement.class",
         "lifecycle.stage", "persona")  # fmt: skip
#: The edges of everything that is shipped, to the microsecond.
EDGES = sorted(
    {days * DAY + off for days in (7, 28, 30, 60, 90, 120, 240) for off in (-1, 0, 1)} | {0, HOUR}
)


def value(name: str, history: History, *, now: Microseconds = NOW) -> Any:
    return _of(name).value(facts(history, parse(rule(feature(name, "is set")))), now=now)


def _of(name: str) -> DerivedFeature:
    found = derived_features.get(name)
    assert found is not None
    return found


def did(*done: tuple[Any, ...]) -> History:
    """Return who did what is listed, as (event, age, properties)."""
    return History([Happening(name, NOW - age, *more) for name, age, *more in done])


def ordered(*ages: Microseconds, total: float = 10) -> History:
    return did(*(("Order Completed", age, {"total": total}) for age in ages))


# -- RFM ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("days", "score", "below"), [(30, 5, 4), (60, 4, 3), (120, 3, 2), (240, 2, 1)]
)
def test_recency_scores_end_to_the_microsecond(days: int, score: int, below: int) -> None:
    assert value("rfm.recency", ordered(days * DAY)) == score
    assert value("rfm.recency", ordered(days * DAY + 1)) == below


@pytest.mark.parametrize(
    ("n", "score"), [(1, 1), (2, 2), (3, 3), (4, 3), (5, 4), (7, 4), (8, 5), (20, 5)]
)
def test_frequency_scores_count_orders(n: int, score: int) -> None:
    assert value("rfm.frequency", ordered(*range(n))) == score


@pytest.mark.parametrize(
    ("total", "score"),
    [(0, 1), (49.99, 1), (50, 2), (149.99, 2), (150, 3), (300, 4), (599.96, 4), (600, 5)],
)
def test_spending_scores_add_up_what_was_paid(total: float, score: int) -> None:
    assert value("rfm.monetary", ordered(0, total=total)) == score
    assert value("rfm.monetary", ordered(0, 1, 2, 3, total=total / 4)) == score


@pytest.mark.parametrize("name", ["rfm.recency", "rfm.frequency", "rfm.monetary", "rfm.group"])
def test_who_never_ordered_has_no_score(name: str) -> None:
    assert value(name, did(("Page Viewed", HOUR), ("Product Added", HOUR))) is None


def test_every_pair_of_scores_is_in_one_group() -> None:
    scores = range(1, 6)
    for recency, frequency in product(scores, scores):
        groups = [
            name
            for name, (r, f) in RFM_GROUPS.items()
            if r[0] <= recency <= r[1] and f[0] <= frequency <= f[1]
        ]
        assert len(groups) == 1, (recency, frequency, groups)


def test_the_group_is_the_cell_of_the_scores() -> None:
    for days, n in product((1, 31, 61, 121, 241), (1, 2, 3, 5, 8)):
        history = ordered(*(days * DAY + number for number in range(n)))
        recency, frequency = value("rfm.recency", history), value("rfm.frequency", history)
        r, f = RFM_GROUPS[value("rfm.group", history)]
        assert r[0] <= recency <= r[1]
        assert f[0] <= frequency <= f[1]


# -- engagement, stages, personas ---------------------------------------------------------


@pytest.mark.parametrize(
    ("done", "expected"),
    [
        ([], None),
        ([("Page Viewed", HOUR)], "passive"),
        ([("Page Viewed", HOUR), ("Page Viewed", DAY)], "passive"),
        ([("Page Viewed", 0), ("Page Viewed", DAY), ("Page Viewed", 2 * DAY)], "active"),
        ([("Element Clicked", HOUR)] * 4, "passive"),
        ([("Element Clicked", HOUR)] * 5, "active"),
        ([("Products Searched", HOUR)], "active"),
        ([("Product Added", 30 * DAY - 1)], "active"),
        ([("Product Added", 30 * DAY), ("Page Viewed", HOUR)], "passive"),
        ([("Order Completed", 30 * DAY)], None),
    ],
)
def test_engagement_tells_doing_from_looking(done: Any, expected: str | None) -> None:
    assert value("engagement.class", did(*done)) == expected


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        (7 * DAY, 0, "new"),
        (7 * DAY + 1, 0, "active"),
        (400 * DAY, 30 * DAY, "active"),
        (400 * DAY, 30 * DAY + 1, "at risk"),
        (400 * DAY, 90 * DAY, "at risk"),
        (400 * DAY, 90 * DAY + 1, "lapsed"),
    ],
)
def test_stages_follow_the_first_and_the_last_visit(
    first: Microseconds, last: Microseconds, expected: str
) -> None:
    assert value("lifecycle.stage", did(("Page Viewed", first), ("Engaged", last))) == expected
    assert value("lifecycle.stage", History()) is None


def viewed(*products: str, **properties: Any) -> list[tuple[Any, ...]]:
    return [("Product Viewed", HOUR, {"product_id": each, **properties}) for each in products]


@pytest.mark.parametrize(
    ("done", "expected"),
    [
        ([], None),
        ([("Order Completed", HOUR)] * 5 + [("Coupon Entered", HOUR)], "loyal fan"),
        ([("Order Completed", HOUR), ("Coupon Entered", HOUR)], "bargain hunter"),
        ([("Products Searched", HOUR, {"query": "Winter Sale"})], "bargain hunter"),
        ([("Products Searched", HOUR, {"query": "boots"})], None),
        (viewed("a", "a", "a", "a", discount=20), "bargain hunter"),
        (viewed("a", "a", "a", "a", discount=19), "window shopper"),
        (viewed("a", "b", "c", "d", "e", "f"), "researcher"),
        (viewed("a", "b", "c", "d", "e", "e"), "window shopper"),
        ([("Article Viewed", HOUR)] * 3, "researcher"),
        ([("Product Viewed", days * DAY) for days in (0, 1, 7, 8, 14, 15)], "researcher"),
        ([*viewed("a"), ("Order Completed", HOUR)], None),
    ],
)
def test_personas_are_the_first_that_fits(done: Any, expected: str | None) -> None:
    assert value("persona", did(*done)) == expected


# -- one meaning --------------------------------------------------------------------------

_happenings = st.builds(
    Happening,
    st.sampled_from(
        ["Order Completed"] * 4
        + ["Page Viewed", "Product Viewed", "Product Added", "Element Clicked", "Article Viewed"]
        + ["Products Searched", "Coupon Applied"]
    ),
    st.sampled_from(EDGES).map(lambda age: NOW - age),
    st.fixed_dictionaries(
        {
            "total": st.sampled_from([0.1, 49.9, 50, 150, 300, "50", None, True]),
            "product_id": st.sampled_from("abcdefg"),
            "discount": st.sampled_from([0, 20]),
            "query": st.sampled_from(["sale", "boots"]),
        }
    ),
)
_histories = st.lists(_happenings, max_size=10).map(History)


@pytest.mark.django_db
@examples(25)
@given(
    histories=st.lists(_histories, min_size=3, max_size=3),
    ahead=st.sampled_from([0, 1, DAY, 30 * DAY, 30 * DAY + 1, 90 * DAY + 1]),
)
def test_memory_and_sql_give_every_value_to_the_same_people(
    histories: Sequence[History], ahead: Microseconds
) -> None:
    now = NOW + ahead
    with transaction.atomic():
        people = dict(zip(stored(histories), histories, strict=True))
        for name in NAMES:
            for each in _of(name).values():
                expected = {pk for pk, one in people.items() if value(name, one, now=now) == each}
                asked = parse(rule(feature(name, "=", each)))
                assert matching(asked, now=moment(now)) == expected, (name, each)
            unknown = {pk for pk, one in people.items() if value(name, one, now=now) is None}
            asked = parse(rule(feature(name, "is not set")))
            assert matching(asked, now=moment(now)) == unknown, name
        transaction.set_rollback(True)


@examples(60)
@given(history=_histories)
def test_a_value_stays_until_the_instant_that_is_told_and_no_longer(history: History) -> None:
    asked = parse(rule(*(feature(name, "is set") for name in NAMES)))
    known = facts(history, asked)
    for found in derivations(known, now=NOW):
        if found.name not in NAMES:
            continue
        instants = {each.at + age + off for each in history.events for age in EDGES
                    for off in (0, 1)}  # fmt: skip
        later = [at for at in sorted(instants) if at > NOW]
        turns = (at for at in later if found.feature.value(known, now=at) != found.value)
        assert found.until == next(turns, None)


def test_nothing_is_kept_for_them_but_what_a_rule_asks_for() -> None:
    """All that is shipped needs a handful of counters of the size of its thresholds (law 7)."""
    asked = parse(rule(feature("rfm.group", "=", "champions")))
    kept = plan(need for leaf in asked.leaves() for need in leaf.needs())
    assert kept.events == {"Order Completed"}
    assert sum(need.size for needs in kept.needs.values() for need in needs) <= 1 + max(
        int(each) for each in shipped()["rfm.frequency"]
    )
