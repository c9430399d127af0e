"""All engines as one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from personalization.ml.artefact import checksum, packed, unpacked
from personalization.ml.base import InvalidConfig, Options
from personalization.ml.history import history_of
from personalization.ml.interactions import Catalogue, Dataset, interactions_of
from personalization.ml.recommenders.blend import LENGTHS
from personalization.ml.recommenders.content import Content
from personalization.ml.recommenders.popularity import Popularity
from personalization.ml.recommenders.stack import Stack
from personalization.ml.recommenders.stack_config import StackConfig
from personalization.ml.unfit import UnfitData
from tests.ml.contract import MINUTE, RecommenderContract, small_dataset

#: Those that are quick to fit.
FEW: dict[str, Any] = {"popularity": {}, "ease": {}, "markov": {}, "vstan": {}}


def catalogue(items: tuple[str, ...]) -> Catalogue:
    """Say of each item which kind it is."""
    return Catalogue(
        items=items,
        texts=tuple(f"{item} of the kind {item[0]}{item[0]}" for item in items),
        tags=tuple(() for _ in items),
    )


def told(*more: str) -> Dataset:
    dataset = small_dataset()
    items = (*dataset.interactions.items, *more)
    return replace(dataset, catalogue=catalogue(items))


def learned(dataset: Dataset, *, seed: int = 0, **config: Any) -> Stack:
    return Stack(StackConfig.read({"engines": FEW, **config})).fit(dataset, Options(seed=seed))


class TestStack(RecommenderContract):
    def made(self) -> Stack:
        return Stack(StackConfig(engines={**FEW, "rp3beta": {}}, questions=100))


class TestStackWithACatalogue(RecommenderContract):
    def made(self) -> Stack:
        return Stack(StackConfig(engines={"popularity": {}, "vstan": {}, "content": {}}))

    def dataset(self) -> Dataset:
        return told()


def test_as_shipped_it_has_all_engines_and_learns() -> None:
    shipped = {"popularity", "ease", "ials", "rp3beta", "content", "markov", "vstan"}
    assert set(StackConfig().engines) == shipped
    stack = Stack().fit(told(), Options())
    assert stack.validation.keys() == shipped | {"stack", "questions"}
    assert stack.remarks == ()


def test_it_is_better_than_popularity_on_what_came_later() -> None:
    stack = learned(small_dataset(visitors=200))
    assert stack.validation["stack"] > 1.1 * stack.validation["popularity"]
    for others in FEW:
        assert stack.validation["stack"] >= 0.95 * stack.validation[others]


def test_what_a_visitor_likes_comes_first() -> None:
    stack = learned(small_dataset(visitors=200))
    scores = dict(zip(stack.items, stack.score(history_of("a1", "a2")).tolist(), strict=True))
    assert min(scores[f"a{n}"] for n in (3, 4, 5)) > max(scores[f"b{n}"] for n in range(8))


def test_who_is_not_known_gets_what_is_popular() -> None:
    dataset = small_dataset()
    stack = learned(dataset)
    popular = Popularity().fit(dataset, Options())
    known = dict(zip(popular.items, popular.score(history_of()).tolist(), strict=True))
    scores = dict(zip(stack.items, stack.score(history_of("never seen")).tolist(), strict=True))
    largest = max(known.values())
    for item, score in scores.items():
        assert score == pytest.approx(known[item] / largest, abs=1e-6)


def test_an_engine_that_cannot_learn_is_left_out_with_a_remark() -> None:
    stack = learned(small_dataset(), engines={**FEW, "content": {}, "ease": {"max_items": 3}})
    assert {"content", "ease"}.isdisjoint(stack.weights)
    assert len(stack.remarks) == 2
    assert any("“content” is left out" in each and "catalogue" in each for each in stack.remarks)
    assert any("“ease” is left out" in each and "17" in each for each in stack.remarks)


def test_factors_are_not_learned_of_visitors_who_did_almost_nothing() -> None:
    rows = [(n // 2, n // 2, "xyz"[n % 3], "v", float("nan"), n) for n in range(60)]
    dataset = Dataset(interactions=interactions_of(rows), until=60)
    stack = learned(dataset, engines={**FEW, "ials": {}}, questions=0)
    assert "ials" not in stack.weights
    assert any("2.0 items on average" in each and "need 5" in each for each in stack.remarks)


def test_too_little_to_weigh_by_is_said_and_weights_are_as_shipped() -> None:
    stack = learned(small_dataset(visitors=6))
    assert any("30 questions are needed" in each for each in stack.remarks)
    assert stack.validation == {}
    assert stack.weights["popularity"][0] > stack.weights["popularity"][-1]
    assert stack.weights["vstan"] == [1.0] * len(LENGTHS)


def test_without_questions_nothing_is_fitted_twice() -> None:
    words: list[str] = []
    options = Options(progress=lambda share, said: words.append(said))
    Stack(StackConfig(engines=FEW, questions=0)).fit(small_dataset(), options)
    assert words.count("markov: learning") == 1


def test_progress_goes_from_beginning_to_end() -> None:
    shares: list[float] = []
    options = Options(progress=lambda share, said: shares.append(share))
    Stack(StackConfig(engines=FEW)).fit(small_dataset(), options)
    assert shares == sorted(shares)
    assert shares[0] == 0
    assert shares[-1] == 1


def test_who_looks_on_may_stop_it() -> None:
    class Stopped(Exception):
        pass

    def stop(share: float, said: str) -> None:
        if share > 0.5:
            raise Stopped

    with pytest.raises(Stopped):
        Stack(StackConfig(engines=FEW)).fit(small_dataset(), Options(progress=stop))


def test_the_weight_of_popularity_falls_with_length() -> None:
    for seed in range(2):
        stack = learned(small_dataset(visitors=200, seed=seed), seed=seed)
        by_length = stack.weights["popularity"]
        others = [
            any(stack.weights[name][place] for name in stack.weights if name != "popularity")
            for place in range(len(LENGTHS))
        ]
        shares = [
            weight if other else np.inf for weight, other in zip(by_length, others, strict=True)
        ]
        assert shares == sorted(shares, reverse=True)


def test_an_item_that_nobody_saw_is_told_by_those_it_is_like() -> None:
    stack = learned(told("a9", "b9"), engines={**FEW, "content": {}}, questions=0)
    scores = dict(zip(stack.items, stack.score(history_of("a1", "a2")).tolist(), strict=True))
    assert scores["a9"] > scores["b9"]
    alone = learned(
        told("a9", "b9"), engines={**FEW, "content": {}}, questions=0, newcomers=0
    ).score(history_of("a1", "a2"))
    assert scores["a9"] > alone[stack.items.index("a9")] > 0


def test_what_newcomers_get_is_half_of_what_the_others_have_unless_it_is_configured() -> None:
    def gained(**config: float) -> float:
        engines = {**FEW, "content": {}}
        stack = learned(told("a9", "b9"), engines=engines, questions=0, **config)
        return float(stack.score(history_of("a1", "a2"))[stack.items.index("a9")])

    none, half, whole = (gained(newcomers=share) for share in (0.0, 0.5, 1.0))
    assert none < half < whole
    assert whole - none == pytest.approx(2 * (half - none), rel=1e-4)
    assert gained() == half


def test_newcomers_get_the_same_once_it_came_back() -> None:
    stack = learned(told("a9", "b9"), engines={**FEW, "content": {}}, questions=0)
    content = packed(stack)
    back = unpacked(content, sha256=checksum(content))
    assert isinstance(back, Stack)
    np.testing.assert_array_equal(back.score(history_of("a1")), stack.score(history_of("a1")))
    assert back.remarks == stack.remarks
    assert back.weights == stack.weights


def test_of_one_algorithm_there_may_be_several() -> None:
    engines = {**FEW, "popularity:hour": {"half_life": 1.0}, "vstan:short": {"visits": 10}}
    stack = learned(small_dataset(), engines=engines, questions=0)
    assert set(stack.weights) == set(engines)


def test_texts_are_compared_once() -> None:
    told_of: list[str] = []
    options = Options(progress=lambda share, said: told_of.append(said))
    config = StackConfig(engines={**FEW, "content": {}})
    Stack(config).fit(told(), options)
    assert told_of.count("content: comparing texts") == 1


def later(dataset: Dataset) -> Dataset:
    """Return a dataset in which a new item follows a1, many times."""
    end = dataset.until
    rows = [
        (visit, visit, item, "Product Viewed", float("nan"), end + visit * MINUTE + place)
        for visit in range(30)
        for place, item in enumerate(["a1", "new"])
    ]
    return Dataset(interactions=interactions_of(rows), until=end + 60 * MINUTE)


def test_a_refresh_learns_what_is_new_and_keeps_the_rest() -> None:
    stack = learned(told(), engines={"popularity": {}, "ease": {}, "content": {}})
    fresh = stack.refreshed(later(told()), Options())
    assert fresh.weights == stack.weights
    scores = dict(zip(fresh.items, fresh.score(history_of("a1")).tolist(), strict=True))
    assert "new" not in stack.items
    assert scores["new"] > 0
    assert set(stack.items) <= set(fresh.items), "what takes long to learn is as it was"


def test_a_refresh_changes_nothing_of_what_served() -> None:
    stack = learned(small_dataset())
    before = packed(stack)
    stack.refreshed(later(small_dataset()), Options())
    assert packed(stack) == before


def test_a_refresh_that_cannot_learn_says_so() -> None:
    stack = learned(small_dataset(), questions=0)
    empty = Dataset(interactions=interactions_of([]), until=5)
    with pytest.raises(UnfitData, match="left out"):
        stack.refreshed(empty, Options())


def test_content_is_not_learned_anew_by_a_refresh() -> None:
    stack = learned(told(), engines={**FEW, "content": {}}, questions=0)
    fresh = stack.refreshed(later(told()), Options(), only=("popularity",))
    kept = [
        next(each for each in one._blend.engines.values() if isinstance(each, Content))
        for one in (stack, fresh)
    ]
    assert kept[0] is kept[1]


@pytest.mark.parametrize(
    ("engines", "said"),
    [
        ({"vstan": {}}, "popularity"),
        ({}, "popularity"),
        ([], "popularity"),
        ({"popularity": {}, "nonsense": {}}, "“nonsense”"),
        ({"popularity": {}, "kmeans": {}}, "“kmeans”"),
        ({"popularity": {}, "stack": {}}, "“stack”"),
        ({"popularity": {}, "vstan": {"reach": -1}}, "“vstan”.*“reach” is -1"),
        ({"popularity": {}, "vstan": {"nonsense": 1}}, "“vstan”.*“nonsense”"),
        ({"popularity": {}, "vstan": 5}, "5 for “vstan”"),
    ],
)
def test_engines_that_there_cannot_be_are_named(engines: Any, said: str) -> None:
    with pytest.raises(InvalidConfig, match=said):
        StackConfig.read({"engines": engines})


@pytest.mark.parametrize("seen", ["auto", "left_out", "counted"])
def test_whether_what_was_seen_counts_can_be_said(seen: str) -> None:
    rows = []
    for visitor in range(60):
        items = ["x", "y", "x", f"z{visitor % 3}", "x"]
        rows += [
            (visitor, visitor, item, "v", float("nan"), visitor * 100 * MINUTE + place)
            for place, item in enumerate(items)
        ]
    dataset = Dataset(interactions=interactions_of(rows), until=rows[-1][5] + 1)
    stack = learned(dataset, seen=seen, share=0.5)
    n_later = stack.validation["questions"]
    # Of four steps that follow another, two go back to x.
    assert n_later == (60 if seen == "left_out" else 120)
