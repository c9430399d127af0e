"""What is popular is what many people had lately, not what one had often or many had once."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalization.ml.base import Options
from personalization.ml.history import history_of
from personalization.ml.interactions import Dataset, interactions_of
from personalization.ml.recommenders.popularity import Popularity, PopularityConfig
from tests.effort import examples
from tests.ml.contract import RecommenderContract

HOUR = 3_600_000_000
NOW = 1_000 * HOUR


class TestPopularity(RecommenderContract):
    def made(self) -> Popularity:
        return Popularity()


class TestRising(RecommenderContract):
    def made(self) -> Popularity:
        return Popularity(PopularityConfig(order="rising"))


def looked(*views: tuple[str, int, float]) -> Dataset:
    """Return views of (item, visitor, hours ago)."""
    rows = [
        (visitor, visitor, item, "Product Viewed", float("nan"), NOW - int(hours * HOUR))
        for item, visitor, hours in views
    ]
    return Dataset(interactions=interactions_of(rows), until=NOW)


def scores(dataset: Dataset, config: PopularityConfig | None = None) -> dict[str, float]:
    model = Popularity(config).fit(dataset, Options())
    return dict(zip(model.items, model.score(history_of()).tolist(), strict=True))


def test_who_reloads_counts_once() -> None:
    found = scores(looked(*[("reloaded", 1, 1)] * 50, ("liked", 2, 1), ("liked", 3, 1)))
    assert found["liked"] > found["reloaded"]


def test_a_visitor_counts_half_after_a_half_life() -> None:
    config = PopularityConfig(half_life=10, smoothing=0)
    found = scores(looked(("new", 1, 0), ("old", 2, 10), ("older", 3, 20)), config)
    assert found == pytest.approx({"new": 1, "old": 0.5, "older": 0.25})


def test_the_last_time_counts() -> None:
    config = PopularityConfig(half_life=10, smoothing=0)
    found = scores(looked(("x", 1, 100), ("x", 1, 0), ("y", 2, 0)), config)
    assert found["x"] == found["y"]


def test_yesterdays_news_gives_way() -> None:
    views = [("yesterday", n, 24) for n in range(20)] + [("today", n, 0.5) for n in range(5)]
    assert scores(looked(*views))["yesterday"] == 1
    assert scores(looked(*views), PopularityConfig(half_life=4))["today"] == 1


def test_few_recent_visitors_are_evened_out_by_what_was_before() -> None:
    views = [("evergreen", n, 400) for n in range(100)] + [("fluke", 200, 1), ("other", 201, 400)]
    short = PopularityConfig(half_life=20, smoothing=0)
    assert scores(looked(*views), short)["fluke"] == 1
    evened = PopularityConfig(half_life=20, smoothing=5)
    assert scores(looked(*views), evened)["evergreen"] == 1


def test_what_rises_is_above_what_is_large() -> None:
    views = [("large", n, hours) for hours in (1, 300, 600, 900) for n in range(40)]
    views = [(item, n + int(hours), hours) for item, n, hours in views]
    views += [("rising", n, 1) for n in range(30)]
    config = PopularityConfig(half_life=24)
    assert scores(looked(*views), config)["large"] == 1
    rising = scores(looked(*views), PopularityConfig(half_life=24, order="rising"))
    assert rising["rising"] == 1
    assert rising["large"] < 1


def test_one_visitor_makes_nothing_rise_above_many() -> None:
    views = [("many", n, 1) for n in range(30)] + [("one", 99, 0)]
    views += [("always", 100 + n, n) for n in range(200)]
    found = scores(looked(*views), PopularityConfig(half_life=24, order="rising"))
    assert found["many"] > found["one"]


def test_everybody_gets_the_same() -> None:
    model = Popularity().fit(looked(("x", 1, 1), ("y", 2, 5)), Options())
    np.testing.assert_array_equal(model.score(history_of()), model.score(history_of("x")))


def test_whoever_changes_an_answer_changes_no_other() -> None:
    model = Popularity().fit(looked(("x", 1, 1), ("y", 2, 5)), Options())
    model.score(history_of())[:] = -np.inf
    assert np.isfinite(model.score(history_of())).all()


@examples(40)
@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.integers(0, 9), st.floats(0, 1e6)),
        min_size=1,
        max_size=30,
    ),
    st.sampled_from(("most", "rising")),
)
def test_scores_are_at_most_1_whatever_happened(
    views: list[tuple[str, int, float]], order: str
) -> None:
    found = scores(looked(*views), PopularityConfig(half_life=0.01, order=order))
    assert all(0 <= score <= 1 for score in found.values())
