"""Several engines as one: items of all of them, each engine by its own best."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalization.ml.arrays import Floats
from personalization.ml.base import Config, Options, Recommender
from personalization.ml.history import History, history_of
from personalization.ml.interactions import Catalogue, Dataset, interactions_of
from personalization.ml.recommenders.blend import LENGTHS, Blend, blended, bucket_of
from personalization.ml.recommenders.content import Content
from personalization.ml.recommenders.markov import Markov
from personalization.ml.recommenders.popularity import Popularity
from tests.effort import examples

NAN = float("nan")


class Says(Recommender[Config]):
    """An engine that says what it is told to say, whoever asks."""

    def __init__(self, **scores: float) -> None:
        super().__init__()
        self.items = tuple(scores)
        self.scores = np.array([*scores.values()], np.float32)

    def fit(self, dataset: Dataset, options: Options) -> Says:
        return self

    def score(self, history: History) -> Floats:
        return self.scores.copy()

    def arrays(self) -> dict[str, Any]:
        return {}

    def restore(self, arrays: Any, facts: Any) -> None:
        pass


def said(blend: Blend, *, history: History | None = None) -> dict[str, dict[str, float]]:
    """Return engine → item → what it says of it."""
    rows = blend.said(history or history_of("a"))
    return {
        name: dict(zip(blend.items, row.tolist(), strict=True))
        for name, row in zip(blend.engines, rows, strict=True)
    }


@pytest.mark.parametrize(
    ("n", "bucket"), [(0, -1), (1, 0), (2, 1), (3, 2), (4, 2), (5, 3), (19, 4), (20, 5), (500, 5)]
)
def test_a_history_has_the_weights_of_its_length(n: int, bucket: int) -> None:
    assert bucket_of(n) == bucket
    assert bucket < len(LENGTHS)


def test_engines_come_by_name_and_items_of_the_largest_first() -> None:
    blend = Blend({"z": Says(b=1, c=1, a=1), "a": Says(d=1, b=1)})
    assert [*blend.engines] == ["a", "z"]
    assert blend.items == ("b", "c", "a", "d")


def test_each_engine_is_measured_by_its_own_best() -> None:
    blend = Blend({"large": Says(a=500, b=250), "small": Says(a=0.01, b=0.04)})
    assert said(blend)["large"] == {"a": 1, "b": 0.5}
    assert said(blend)["small"] == pytest.approx({"a": 0.25, "b": 1})


def test_what_an_engine_does_not_know_is_nothing_to_it() -> None:
    blend = Blend({"one": Says(a=2, b=1), "other": Says(c=4)})
    assert said(blend) == {"one": {"a": 1, "b": 0.5, "c": 0}, "other": {"a": 0, "b": 0, "c": 1}}


@pytest.mark.parametrize("scores", [{"a": 0, "b": 0}, {"a": -3, "b": 0}, {"a": -3, "b": -1}])
def test_an_engine_that_is_for_nothing_says_nothing(scores: dict[str, float]) -> None:
    blend = Blend({"one": Says(**scores), "other": Says(a=1, b=1)})
    assert said(blend)["one"] == {"a": 0, "b": 0}


def test_nothing_is_worse_than_the_best_is_good() -> None:
    assert said(Blend({"one": Says(a=1, b=-50)}))["one"] == {"a": 1, "b": -1}


def test_an_engine_without_items_is_silent() -> None:
    assert said(Blend({"one": Says(a=1), "none": Says()}))["none"] == {"a": 0}


def test_known_items_are_those_of_any_engine_each_once() -> None:
    blend = Blend({"one": Says(a=1, b=1), "other": Says(c=1)})
    known = blend.known(history_of("c", "nowhere", "a", "c"))
    assert [blend.items[index] for index in known] == ["a", "c"]
    assert blend.known(History()).tolist() == []


# -- what is about something ---------------------------------------------------------------

TEXTS = {"hat": "red felt hat", "cap": "red felt cap", "pan": "iron pan", "pot": "iron pot",
         "new": "red felt beret"}  # fmt: skip


@pytest.fixture(scope="module")
def shop() -> Blend:
    """Three engines of a shop in which nobody has seen what is new."""
    rows = interactions_of(
        [
            (visitor, visitor, item, "Product Viewed", NAN, visitor * 10 + place)
            for visitor in range(40)
            for place, item in enumerate([("hat", "cap"), ("pan", "pot")][visitor % 2])
        ]
    )
    catalogue = Catalogue(items=(*TEXTS,), texts=(*TEXTS.values(),), tags=tuple(() for _ in TEXTS))
    dataset = Dataset(interactions=rows, until=400, catalogue=catalogue)
    engines: dict[str, Recommender[Any]] = {
        "content": Content(), "markov": Markov(), "popularity": Popularity()
    }  # fmt: skip
    for engine in engines.values():
        engine.fit(dataset, Options())
    return blended(engines, rows, newcomers_share=1.0)


def test_what_is_new_is_told_by_engines_that_cannot_know_it(shop: Blend) -> None:
    told = said(shop, history=history_of("hat"))
    assert told["markov"]["new"] > 0
    assert told["popularity"]["new"] == 0
    assert told["markov"]["cap"] > told["markov"]["new"]


def test_without_a_share_or_texts_nobody_is_new(shop: Blend) -> None:
    rows = interactions_of([(0, 0, "hat", "Product Viewed", NAN, 0)])
    untold = {name: each for name, each in shop.engines.items() if name != "content"}
    assert len(blended(shop.engines, rows, newcomers_share=0).newcomers.items) == 0
    assert len(blended(untold, rows, newcomers_share=1).newcomers.items) == 0


def test_who_only_turned_an_item_down_has_not_seen_it(shop: Blend) -> None:
    rows = interactions_of(
        [
            *[(n, n, "hat", "Product Viewed", NAN, n) for n in range(9)],
            *[(n, n, "new", "Product Removed", NAN, n) for n in range(9)],
        ]
    )
    found = blended(shop.engines, rows, newcomers_share=1).newcomers
    own = dict(zip(found.items.tolist(), found.shares.sum(axis=1).tolist(), strict=True))
    assert own[shop.number["new"]] == pytest.approx(1)


@given(st.lists(st.floats(0, 1, width=32), min_size=3, max_size=3), st.sampled_from([*TEXTS]))
@examples(50)
def test_the_sum_is_that_of_what_each_says(shop: Blend, weights: list[float], item: str) -> None:
    history, own = history_of(item), np.array(weights, np.float32)
    summed = shop.summed(history, weights=own)
    np.testing.assert_allclose(summed, own @ shop.said(history), rtol=1e-4, atol=1e-5)


@given(
    st.lists(st.floats(-9, 9, width=32), min_size=3, max_size=3),
    st.lists(st.floats(-9, 9, width=32), min_size=3, max_size=3),
    st.lists(st.sampled_from([0.0, 0.25, 1.0, 1.5]), min_size=2, max_size=2),
)
@examples(60)
def test_the_sum_is_that_of_shares_of_the_best(
    one: list[float], other: list[float], weights: list[float]
) -> None:
    """Of engines that are against something, or for nothing, and of different items, too."""
    own = [dict(zip("abc", one, strict=True)), dict(zip("bcd", other, strict=True))]
    blend = Blend({"one": Says(**own[0]), "other": Says(**own[1])})
    summed = blend.summed(history_of("a"), weights=np.array(weights, np.float32))
    for item, score in zip(blend.items, summed.tolist(), strict=True):
        shares = [
            max(each.get(item, 0.0) / largest, -1) if (largest := max(each.values())) > 0 else 0
            for each in own
        ]
        assert score == pytest.approx(np.dot(weights, shares), abs=1e-5)


def test_what_scores_hardly_anything_is_measured_by_its_own_best_too() -> None:
    least = float(np.finfo(np.float32).smallest_subnormal)
    blend = Blend({"one": Says(a=8 * least, b=4 * least)})
    assert said(blend)["one"] == {"a": 1, "b": 0.5}
    for weight in (0.5, 1.5):
        summed = blend.summed(history_of("a"), weights=np.array([weight], np.float32))
        assert summed.tolist() == pytest.approx([weight, weight / 2], rel=0.2)


def test_asking_changes_nothing_that_engines_hold() -> None:
    class Held(Says):
        def score(self, history: History) -> Floats:
            return self.scores

    engine = Held(a=2, b=-5)
    blend = Blend({"one": engine, "other": Says(a=1, b=1)})
    for _ in range(2):
        summed = blend.summed(history_of("a"), weights=np.array([1, 1], np.float32))
        assert summed.tolist() == [2, 0]
        assert said(blend)["one"] == {"a": 1, "b": -1}
    assert engine.scores.tolist() == [2, -5]


def test_of_engines_that_newcomers_gain_nothing_of_the_sum_is_their_own(shop: Blend) -> None:
    """Those that know an item by its text, or say the same to all."""
    history = history_of("hat")
    rows = dict(zip(shop.engines, shop.said(history), strict=True))
    for name, weights in {"content": [1, 0, 0], "popularity": [0, 0, 1]}.items():
        summed = shop.summed(history, weights=np.array(weights, np.float32))
        assert summed.tolist() == rows[name].tolist()
    assert len(shop.newcomers.items)
