"""What somebody had done until an instant: windows, visits and paths."""

from __future__ import annotations

import math
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalization.clock import microseconds
from personalization.ml.features.past import DAY, Deeds, mean, ratio
from personalization.ml.features.table import past_of
from personalization.profiles.features import add
from personalization.rules.occurrence import Occurrence
from tests.effort import examples
from tests.ml.features.pasts import GAP, NOW, deed, deeds, page, past

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
AT = microseconds(NOW)


@examples(40)
@given(deeds(), st.sampled_from([1, 7, 30]))
def test_a_window_has_what_is_younger_than_its_days(some: Any, days: int) -> None:
    known = past(*some)
    expected = [each for each in sorted(some) if AT - days * DAY < each.at <= AT]
    assert list(known.last(days).all) == expected
    assert known.last(days) is known.last(days)
    assert list(known.last().all) == sorted(some)


@examples(40)
@given(deeds())
def test_counts_are_those_of_a_naive_walk(some: Any) -> None:
    counted = past(*some).last()
    assert counted.names == Counter(each.name for each in some)
    sums: Counter[str] = Counter()
    for each in some:
        sums.update(dict(each.counted))
    assert counted.sums == sums
    assert counted.n({"Page Viewed", "Engaged"}) == sum(
        each.name in {"Page Viewed", "Engaged"} for each in some
    )


@examples(40)
@given(deeds(), st.integers(1, 3))
def test_paths_are_counted_within_visits(some: Any, n: int) -> None:
    known = past(*some)
    expected: Counter[tuple[str, ...]] = Counter()
    for visit in known.visits:
        steps = [each.symbol for each in visit.all if each.symbol and each.at > AT - 30 * DAY]
        expected.update(tuple(steps[i : i + n]) for i in range(len(steps) - n + 1))
    assert known.grams(n, days=30) == expected


@examples(40)
@given(deeds(least=1))
def test_visits_hold_every_deed_once_and_in_order(some: Any) -> None:
    known = past(*some)
    assert [each for visit in known.visits for each in visit.all] == sorted(some)
    for visit in known.visits:
        for one, other in zip(visit.all, list(visit.all)[1:], strict=False):
            assert other.at - one.at < GAP
    for one_visit, other_visit in zip(known.visits, known.visits[1:], strict=False):
        assert other_visit.all[0].at - one_visit.all[-1].at >= GAP


def test_a_visit_goes_on_until_the_pause_is_over() -> None:
    for ago, is_there in ((29 * MINUTE, True), (30 * MINUTE, False)):
        assert past(page("/", ago=ago)).is_there is is_there
    assert past().is_there is False
    assert past().newest == Deeds(all=())


def test_the_age_is_that_of_the_last_one_with_a_name() -> None:
    known = past(deed("a", ago=3 * HOUR), deed("a", ago=2 * HOUR), deed("b", ago=HOUR))
    assert known.age({"a"}) == pytest.approx(2 / 24)
    assert known.age() == pytest.approx(1 / 24)
    assert math.isnan(known.age({"c"}))


def test_what_is_at_the_instant_itself_is_known_and_what_is_later_is_not() -> None:
    some = sorted([deed("now", ago=timedelta(0)), deed("later", ago=-timedelta(microseconds=1))])
    known = past_of(some, at=AT, gap=GAP, zone="UTC")
    assert [each.name for each in known.deeds] == ["now"]


def test_nothing_to_divide_by_is_not_known() -> None:
    assert ratio(1, 4) == 0.25
    assert math.isnan(ratio(1, 0))
    assert math.isnan(mean([]))
    assert mean([0.1] * 10) == 0.1  # exact, whatever the order


@examples(30)
@given(deeds())
def test_money_is_what_profiles_add_up(some: Any) -> None:
    orders = [
        Occurrence("track", "Order Completed", {"total": total}, n, str(n))
        for n, total in enumerate((0.1, 0.2, 19.99))
    ]
    sums: dict[str, int] = {}
    for order in orders:
        add(sums, order)
    bought = [
        deed("Order Completed", ago=n * MINUTE, total=total)
        for n, total in enumerate((0.1, 0.2, 19.99))
    ]
    before = past(*some).last().sums["orders.revenue"]
    after = past(*some, *bought).last().sums["orders.revenue"]
    assert after - before == sums["orders.revenue"]
