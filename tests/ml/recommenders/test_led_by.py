"""What one item of a history adds to scores, held against what scores are without it."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalization.ml.base import Options, Recommender
from personalization.ml.history import History, history_of
from personalization.ml.known import algorithms
from tests.effort import examples
from tests.ml.contract import small_dataset

#: Those whose scores are sums over the items of a history.
LINEAR = ("ease", "rp3beta", "item_knn")
ALL = (*LINEAR, "popularity", "ials", "svd", "markov", "vstan", "user_knn")
KEYS = [f"{kind}{n}" for kind in "ab" for n in range(8)] + ["common"]


@cache
def learned(name: str) -> Recommender[Any]:
    kind = algorithms.get(name)
    assert kind is not None
    assert issubclass(kind, Recommender)
    return kind().fit(small_dataset(), Options())


@pytest.mark.parametrize("name", LINEAR)
@given(viewed=st.lists(st.sampled_from(KEYS), min_size=2, max_size=6, unique=True))
@examples(20)
def test_where_scores_are_sums_it_is_what_goes_with_the_item(name: str, viewed: list[str]) -> None:
    model = learned(name)
    first, *rest = viewed
    missing = model.score(history_of(*viewed)) - model.score(history_of(*rest))
    np.testing.assert_allclose(model.led_by(first), missing, atol=2e-5)


@pytest.mark.parametrize("name", LINEAR)
@given(viewed=st.lists(st.sampled_from(KEYS), min_size=1, max_size=6, unique=True))
@examples(20)
def test_with_what_is_usual_the_parts_of_a_sum_are_the_whole(name: str, viewed: list[str]) -> None:
    model = learned(name)
    parts = sum((model.led_by(item) for item in viewed), model.usual())
    np.testing.assert_allclose(parts, model.score(history_of(*viewed)), atol=2e-5)


@pytest.mark.parametrize("name", ALL)
def test_of_one_item_it_is_all_but_what_is_usual(name: str) -> None:
    model = learned(name)
    for item in ("a1", "b2", "common"):
        whole = model.led_by(item) + model.usual()
        np.testing.assert_allclose(whole, model.score(history_of(item)), atol=1e-5)


@pytest.mark.parametrize("name", ALL)
def test_what_is_unknown_adds_nothing(name: str) -> None:
    assert not learned(name).led_by("never seen").any()


@pytest.mark.parametrize("name", ALL)
def test_each_history_is_scored_in_its_own_way(name: str) -> None:
    model = learned(name)
    for history in (History(), history_of("a1"), history_of("a1", "b2", "a3")):
        weighed = model.weighed(history, weighing=model.weighing(history))
        np.testing.assert_array_equal(weighed, model.score(history))


def test_what_popularity_says_is_usual_and_ease_has_a_usual_score_of_an_item() -> None:
    popularity = learned("popularity")
    np.testing.assert_array_equal(popularity.usual(), popularity.score(history_of("a1")))
    assert not popularity.led_by("a1").any()
    assert learned("ease").usual().any()
    assert not learned("rp3beta").usual().any()
