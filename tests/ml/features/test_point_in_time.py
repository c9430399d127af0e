"""What was known at an instant, by what holds for any history: nothing later, and no more."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalization.clock import microseconds, span
from personalization.ml.features.deeds import Deed
from personalization.ml.features.definitions import (
    UnknownFeature,
    definition_of,
    path_feature,
    version_of,
)
from personalization.ml.features.past import DAY, Past
from personalization.ml.features.paths import common_paths
from personalization.ml.features.shipped import names
from personalization.ml.features.table import past_of, row_of
from personalization.ml.walks import Walk
from tests.effort import examples
from tests.ml.features.pasts import GAP, NOW, deed, deeds, page, past
from tests.ml.sequences.people import people, walk

AT = microseconds(NOW)
ALL = (*names(), path_feature(["/shop", "Product Viewed"]), path_feature(["/"]))
MINUTES = st.sampled_from([0, 1, 29, 30, 31, 60 * 24, 60 * 24 * 7, 60 * 24 * 8])


def row(some: Any, *, at: int = AT, zone: str = "UTC", wanted: Any = ALL) -> Any:
    known = past_of(sorted(some), at=at, gap=GAP, zone=zone)
    return row_of(known, [definition_of(name) for name in wanted])


def value(name: str, known: Past) -> float:
    return float(definition_of(name).value(known))


# -- nothing later ----------------------------------------------------------------------------


@given(deeds(), MINUTES)
@examples(20)
def test_an_earlier_row_is_that_of_who_stopped_then(some: Any, ago: int) -> None:
    at = AT - ago * 60_000_000
    until = [each for each in some if each.at <= at]
    np.testing.assert_array_equal(row(some, at=at), row(until, at=at))


@given(deeds())
@examples(15)
def test_counts_never_go_down_and_nobody_is_known_for_less(some: Any) -> None:
    counts = ("events.count", "pages.count", "orders.count", "visits.count", "recency.first")
    seen = [row(some, at=AT - ago * DAY, wanted=counts) for ago in (9, 7, 1, 0)]
    for earlier, later in pairwise(seen):
        known = ~np.isnan(earlier)
        assert (later[known] >= earlier[known]).all()


@given(deeds(), st.sampled_from(["events.count", "pages.count", "orders.count", "cart.adds"]))
@examples(20)
def test_a_longer_window_counts_no_less_and_the_longest_all(some: Any, name: str) -> None:
    known = past(*some)
    counts = [value(f"{name}.{days}d", known) for days in (1, 7, 8, 30, 999)]
    assert counts == sorted(counts)
    assert counts[-1] == value(name, known)


@given(deeds(least=1), st.integers(1, 400))
@examples(20)
def test_of_who_does_nothing_more_only_the_age_grows(some: Any, days: int) -> None:
    later = AT + days * DAY
    ages = ("recency.event", "recency.cart", "recency.order", "recency.first")
    now, then = row(some, wanted=ages), row(some, at=later, wanted=ages)
    np.testing.assert_allclose(then - now, np.where(np.isnan(now), np.nan, days), atol=1e-9)
    kept = ("events.count", "orders.mean", "visits.count", "visits.seconds", "visits.pause")
    np.testing.assert_array_equal(row(some, at=later, wanted=kept), row(some, wanted=kept))


@given(deeds(), st.integers(-1000, 1000))
@examples(15)
def test_the_same_history_a_week_later_is_the_same(some: Any, weeks: int) -> None:
    later = weeks * 7 * DAY  # of whole weeks, so that the clock and the day are the same
    moved = [each._replace(at=each.at + later) for each in some]
    np.testing.assert_allclose(row(moved, at=AT + later), row(some), rtol=1e-9)


@given(deeds())
@examples(15)
def test_where_it_is_changes_only_what_the_clock_says(some: Any) -> None:
    here, there = row(some), row(some, zone="Pacific/Auckland")
    other = {
        name
        for name, one, two in zip(ALL, here, there, strict=True)
        if not np.array_equal(one, two, equal_nan=True)
    }
    assert all("hour" in name or "day" in name or "weekend" in name for name in other), other


@given(deeds())
@examples(15)
def test_asking_twice_is_answered_the_same(some: Any) -> None:
    known = past(*some)
    definitions = [definition_of(name) for name in ALL]
    first = row_of(known, definitions)
    np.testing.assert_array_equal(row_of(known, definitions[::-1])[::-1], first)
    np.testing.assert_array_equal(row_of(known, definitions), first)


def test_an_event_of_the_very_instant_counts_and_one_a_microsecond_later_does_not() -> None:
    exactly = [deed("Order Completed", ago=timedelta(0), total=3)]
    assert row(exactly, wanted=["orders.count"]).tolist() == [1]
    assert row(exactly, at=AT - 1, wanted=["orders.count"]).tolist() == [0]


@pytest.mark.parametrize("year", [1970, 2000, 2100])
def test_instants_may_be_of_any_year(year: int) -> None:
    at = datetime(year, 1, 2, tzinfo=UTC)
    known = past(Deed(at=microseconds(at) - DAY, message_id="m", name="Page Viewed"), at=at)
    assert value("recency.event", known) == 1
    assert np.isfinite(value("recency.first", known))


# -- visits -----------------------------------------------------------------------------------


@given(deeds(), st.sampled_from([1, 30, 60 * 24 * 30]))
@examples(20)
def test_the_longer_a_pause_has_to_be_the_fewer_visits(some: Any, minutes: int) -> None:
    ordered = sorted(some)
    short, long = (
        Past(deeds=ordered, at=AT, gap=span(timedelta(minutes=n))) for n in (minutes, 2 * minutes)
    )
    assert len(long.visits) <= len(short.visits)
    starts = {visit.all[0] for visit in short.visits}
    assert {visit.all[0] for visit in long.visits} <= starts


@given(deeds(), st.integers(1, 3))
@examples(15)
def test_longer_paths_are_no_more_than_their_parts(some: Any, n: int) -> None:
    known = past(*some)
    longer, shorter = known.grams(n + 1, days=30), known.grams(n, days=30)
    for steps, times in longer.items():
        assert shorter[steps[:-1]] >= times
        assert shorter[steps[1:]] >= times
    assert longer.total() <= shorter.total()


# -- paths ------------------------------------------------------------------------------------


@given(people(names="ab"), st.integers(1, 4))
@examples(20)
def test_paths_of_more_people_are_those_of_fewer_without_the_rare(some: Any, least: int) -> None:
    anything = common_paths(some, gap=GAP, least=1, most=1000)
    common = common_paths(some, gap=GAP, least=least, most=1000)
    assert common == anything[: len(common)]
    for name in common:
        definition_of(name)


@given(people(names="ab"))
@examples(15)
def test_who_did_it_often_counts_once(some: Any) -> None:
    twice = [
        Walk(
            steps=one.steps * 2,
            at=(*one.at, *(at + 10**12 for at in one.at)),
        )
        for one in some
    ]
    assert common_paths(twice, gap=GAP, least=2) == common_paths(some, gap=GAP, least=2)


@pytest.mark.parametrize("step", ["/größe", "page:年齢", "Größe gewählt", "a>b", "%s", "<b>"])
def test_a_path_of_any_step_is_a_feature_that_counts_it(step: str) -> None:
    (name,) = common_paths([walk(step, step)], gap=GAP, steps=(2,), least=1)
    assert name == f"path:{step} > {step}"
    known = Past(
        deeds=[
            Deed(at=AT - n, message_id=str(n), name="x", symbol=step) for n in (3, 2, 1)
        ],
        at=AT,
        gap=GAP,
    )  # fmt: skip
    assert value(name, known) == 2


@pytest.mark.parametrize(
    "name", ["", "größe", "path:", "orders.count.1000d", "orders.count.-1d", "orders.count.07d",
             "visits.count.7d.7d", "PATH:a", " orders.count", "orders.count\n"],
)  # fmt: skip
def test_what_is_nearly_a_feature_is_none_and_named(name: str) -> None:
    with pytest.raises(UnknownFeature) as error:
        definition_of(name)
    assert f"“{name}”" in str(error.value)


def test_a_version_is_of_names_that_there_are() -> None:
    with pytest.raises(UnknownFeature, match="“größe”"):
        version_of(["orders.count", "größe"], gap=GAP, zone="UTC")
    one, both = (
        version_of(some, gap=GAP, zone="UTC")
        for some in (["orders.count"], ["orders.count", "path:/größe"])
    )
    assert one != both
    assert len(one) == len(both) == 20


def test_the_page_that_was_seen_most_is_counted_as_often() -> None:
    known = past(*(page("/shop/1", ago=timedelta(minutes=n)) for n in range(5)))
    assert value("path:/shop", known) == 5
    assert value("path:/shop > /shop", known) == 4
    assert value("path:/shop > /shop > /shop > /shop", known) == 2
