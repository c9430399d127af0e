"""What is worked out of a recommender once, whatever the recommender says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalization.ml.base import Config, Options, Recommender
from personalization.ml.history import History, history_of
from personalization.ml.interactions import Dataset
from personalization.ml.recommenders.popularity import Popularity
from personalization.ml.serving import engine as module
from personalization.ml.serving.engine import LED, Engine
from personalization.ml.serving.popular import Popular
from personalization.ml.serving.recommend import Ask, recommend
from personalization.ml.serving.rerank import Rule, listing_of
from personalization.ml.serving.shelf import shelf_of
from tests.effort import examples
from tests.ml.contract import small_dataset
from tests.ml.serving.making import famous, item, keys

NAMES = ("a", "b", "c", "d", "e")
SHELF = shelf_of(item(name) for name in NAMES)
ALL = listing_of(SHELF, rules=())
NAN, INF = float("nan"), float("inf")


class Scripted(Recommender[Config]):
    """Says, by the last item, what it was told to, and `alone` of every history; counts how
    often it is asked."""

    def __init__(
        self, said: Mapping[str, list[float]], *, items: tuple[str, ...] = NAMES,
        alone: list[float] | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.items = items
        self._said = said
        self._alone = alone
        self.asked = 0

    def score(self, history: History) -> Any:
        self.asked += 1
        nothing = [0.0] * len(self.items)
        last = history.items[-1] if history.steps else None
        said = self._alone if last is None else self._said.get(last)
        return np.array(said or nothing, np.float32)

    def usual(self) -> Any:
        return np.array(self._alone or [0.0] * len(self.items), np.float32)

    def fit(self, dataset: Dataset, options: Options) -> Scripted:
        return self

    def arrays(self) -> dict[str, Any]:
        return {}

    def restore(self, arrays: Any, facts: Any) -> None:
        pass


def engine_of(*args: Any, **options: Any) -> Engine:
    return Engine(Scripted(*args, **options), version=3)


def best(engine: Engine, *viewed: str, listing: Any = ALL, n: int = 9) -> list[str]:
    ranking = engine.ranking(history_of(*viewed), listing)
    return [key for key, _ in ranking.best(n)] if ranking else []


vectors = st.lists(st.floats(-1000, 1000, width=32), min_size=5, max_size=5)


class TestRankings:
    @given(vectors)
    @examples(60)
    def test_scores_are_shares_from_0_to_1_the_best_first(self, said: list[float]) -> None:
        ranking = engine_of({"a": said}).ranking(history_of("a"), ALL)
        if len({np.float32(one) for one in said}) == 1:
            assert ranking is None, "a model that says the same of all says nothing"
            return
        assert ranking is not None
        scores = [score for _, score in ranking.best(9)]
        assert scores == sorted(scores, reverse=True)
        assert scores[0] == 1.0
        assert min(scores) > 0

    @given(vectors, st.integers(0, 7))
    @examples(60)
    def test_fewer_are_the_first_of_more(self, said: list[float], n: int) -> None:
        engine = engine_of({"a": said})
        ranking = engine.ranking(history_of("a"), ALL)
        if ranking is not None:
            more = dict(ranking.best(9))
            fewer = dict(ranking.best(n))
            assert len(fewer) == min(n, len(more))
            assert sorted(fewer.values()) == sorted(more.values(), reverse=True)[:n][::-1]

    @given(vectors, st.integers(0, 7), st.sets(st.sampled_from([*NAMES, "gone"])))
    @examples(60)
    def test_without_some_it_is_the_best_of_the_others(
        self, said: list[float], n: int, without: set[str]
    ) -> None:
        ranking = engine_of({"a": said}).ranking(history_of("a"), ALL)
        if ranking is not None:
            others = [pair for pair in ranking.best(9) if pair[0] not in without]
            assert ranking.best(n, without=without) == others[:n]

    @given(vectors, st.sets(st.sampled_from(NAMES), min_size=1))
    @examples(40)
    def test_scores_are_shares_of_the_range_times_what_rules_say(
        self, said: list[float], buried: set[str]
    ) -> None:
        rules = tuple(Rule(action="bury", target="item", value=key, factor=4.0) for key in buried)
        listing = listing_of(SHELF, rules=rules)
        ranking = engine_of({"a": said}).ranking(history_of("a"), listing)
        low, high = min(said), max(said)
        if ranking is not None:
            expected = {
                key: (each - low) / (high - low) * (0.25 if key in buried else 1)
                for key, each in zip(NAMES, np.array(said, np.float64).tolist(), strict=True)
            }
            found = dict(ranking.best(9))
            for key in NAMES:
                assert found.get(key, 0.0) == pytest.approx(expected[key], rel=1e-5, abs=1e-6)

    @given(vectors, st.floats(0.5, 8, width=32), st.floats(-100, 100, width=32))
    @examples(40)
    def test_the_scale_of_a_model_says_nothing(
        self, said: list[float], times: float, more: float
    ) -> None:
        rounded = [float(round(one)) for one in said]  # so that no rounding makes two of them equal
        moved = [one * 4 + round(more) for one in rounded]
        assert best(engine_of({"a": rounded}), "a") == best(engine_of({"a": moved}), "a")

    @pytest.mark.parametrize("odd", [[NAN] * 5, [1.0, NAN, 0.5, 0.0, 0.0]])
    def test_what_is_no_number_leaves_it_to_the_popular(self, odd: list[float]) -> None:
        engine = engine_of({"a": odd})
        assert engine.ranking(history_of("a"), ALL) is None
        found = recommend(
            Ask(n=2, history=history_of("a")), items=SHELF, famous=famous("c", "d"), scorer=engine
        )
        assert keys(found) == ["c", "d"]
        assert {one.model_version for one in found} == {None}

    def test_a_model_of_no_items_says_nothing(self) -> None:
        engine = engine_of({}, items=())
        assert engine.ranking(history_of("a"), ALL) is None

    def test_items_that_the_model_does_not_know_are_not_ranked_by_it(self) -> None:
        wider = shelf_of(item(name) for name in (*NAMES, "new"))
        engine = engine_of({"a": [0.0, 1.0, 2.0, 3.0, 4.0]})
        assert best(engine, "a", listing=listing_of(wider, rules=())) == ["e", "d", "c", "b"]

    def test_items_that_are_not_on_the_shelf_are_not_ranked(self) -> None:
        fewer = shelf_of(item(name) for name in "bd")
        engine = engine_of({"a": [0.0, 1.0, 2.0, 3.0, 4.0]})
        assert best(engine, "a", listing=listing_of(fewer, rules=())) == ["d", "b"]

    def test_each_listing_has_its_own_view_of_one_model(self) -> None:
        engine = engine_of({"a": [0.0, 1.0, 2.0, 3.0, 4.0]})
        without = listing_of(SHELF, rules=(Rule(action="exclude", target="item", value="e"),))
        for _ in range(2):
            assert best(engine, "a", n=1) == ["e"]
            assert best(engine, "a", listing=without, n=1) == ["d"]


class TestPins:
    RULES = (
        Rule(action="pin", target="item", value="unknown"),
        Rule(action="pin", target="category", value="sale"),
        Rule(action="bury", target="item", value="d", factor=4.0),
    )
    GOODS = shelf_of(
        [item("unknown"), item("c", category="sale"), item("d", category="sale"), item("e")]
    )

    def test_the_best_of_what_is_pinned_is_weighed_by_rules_too(self) -> None:
        listing = listing_of(self.GOODS, rules=self.RULES)
        ranking = engine_of({"a": [0.0, 0.0, 2.0, 4.0, 4.0]}).ranking(history_of("a"), listing)
        assert ranking is not None
        (_, unknown), (_, sale) = listing.pins
        assert ranking.best_of(unknown, 3) == []
        assert [key for key, _ in ranking.best_of(sale, 3)] == ["c", "d"]
        assert [key for key, _ in ranking.best_of(sale, 1)] == ["c"]
        assert ranking.best_of(sale, 0) == []

    def test_what_the_model_does_not_know_is_pinned_all_the_same(self) -> None:
        engine = engine_of({"a": [0.0, 0.0, 2.0, 4.0, 4.0]})
        ask = Ask(n=3, history=history_of("a"), rules=self.RULES)
        found = recommend(ask, items=self.GOODS, famous=Popular(), scorer=engine)
        assert keys(found) == ["unknown", "c", "e"]
        assert [one.reason.code for one in found] == ["pinned", "pinned", "chosen"]
        assert found[0].score == 0.0


def led(engine: Engine, item: str, *, after: str = "") -> Mapping[str, float]:
    """Return what an item leads to as the last one of a history."""
    ranking = engine.ranking(history_of(*filter(None, (after, item))), ALL)
    assert ranking is not None
    return ranking.led_by(item)


class TestWhatAnItemLeadsTo:
    def test_what_every_history_gets_is_not_led_to(self) -> None:
        engine = engine_of({"a": [0.0, 1.0, 1.0, 0.5, 0.0]}, alone=[0.0, 1.0, 0.0, 0.5, 1.0])
        assert led(engine, "a") == {"c": 1.0}

    def test_not_more_are_kept_than_can_be_named(self) -> None:
        names = tuple(f"item-{n}" for n in range(LED + 50))
        engine = engine_of({"item-0": [float(n) for n in range(len(names))]}, items=names)
        found = led(engine, "item-0")
        assert len(found) == LED
        assert names[-1] in found
        assert names[1] not in found

    def test_the_model_is_asked_once_for_an_item(self) -> None:
        model = Scripted({"a": [0.0, 1.0, 0.0, 0.0, 0.0]})
        ranking = Engine(model).ranking(history_of("a"), ALL)
        assert ranking is not None
        before = model.asked
        for _ in range(3):
            assert ranking.led_by("a") == {"b": 1.0}
            assert ranking.led_by("gone") == {}
        assert model.asked == before + 1, "what it does not know it is not asked for"

    def test_what_visitors_make_up_does_not_fill_the_memory(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module, "ITEMS", 10)
        engine = engine_of({"a": [0.0, 1.0, 0.0, 0.0, 0.0]})
        ranking = engine.ranking(history_of("a"), ALL)
        assert ranking is not None
        for n in range(1000):
            ranking.led_by(f"made-up-{n}")
            assert len(engine._led) <= 10
        assert ranking.led_by("a") == {"b": 1.0}

    @given(vectors, vectors)
    @examples(40)
    def test_it_is_what_its_scores_are_above_those_of_every_history(
        self, said: list[float], alone: list[float]
    ) -> None:
        engine = engine_of({"a": said}, alone=alone)
        ranking = engine.ranking(history_of("a"), ALL)
        if ranking is not None:
            more = np.array(said, np.float32) - np.array(alone, np.float32)
            told = more if any(said) else np.zeros(5)
            expected = {
                key: each for key, each in zip(NAMES, told.tolist(), strict=True) if each > 0
            }
            assert ranking.led_by("a") == pytest.approx(expected)


class TestWhatHistoriesAccountFor:
    def test_it_is_the_share_of_a_score_beside_what_everybody_gets(self) -> None:
        engine = engine_of({"a": [0.0, 4.0, 1.0, 2.0, -1.0]}, alone=[0.0, 1.0, 1.0, 3.0, 0.0])
        ranking = engine.ranking(history_of("a"), ALL)
        assert ranking is not None
        assert [ranking.share_of(key) for key in NAMES] == [0.0, 0.75, 0.0, 0.0, 0.0]
        assert ranking.share_of("gone") == 0.0

    @given(vectors, vectors)
    @examples(60)
    def test_it_is_what_is_left_of_a_score_without_that(
        self, said: list[float], alone: list[float]
    ) -> None:
        ranking = engine_of({"a": said}, alone=alone).ranking(history_of("a"), ALL)
        if ranking is not None:
            for key, score, general in zip(NAMES, said, alone, strict=True):
                share = (score - general) / score if score > 0 else 0.0
                assert ranking.share_of(key) == pytest.approx(min(max(share, 0.0), 1.0))

    def test_a_model_says_something_where_one_item_alone_is_scored_otherwise(self) -> None:
        alone = [1.0, 0.5, 0.2, 0.0, 0.0]
        engine = engine_of({"a": [1.0, 0.5, 0.2, 0.0, 0.1]}, alone=alone)
        assert best(engine, "a") == ["a", "b", "c", "e"]

    def test_a_model_that_says_what_it_says_of_every_history_says_nothing(self) -> None:
        alone = [1.0, 0.5, 0.2, 0.0, 0.0]
        engine = engine_of({"a": alone, "b": [0.0, 0.0, 0.0, 0.0, 1.0]}, alone=alone)
        assert best(engine, "gone") == []
        assert best(engine, "a") == []
        assert best(engine, "gone", "b") == ["e"]

    def test_one_that_is_made_to_say_the_same_of_all_is_asked_where_it_knows_an_item(self) -> None:
        model = Popularity().fit(small_dataset(), Options())
        engine = Engine(model)
        everything = listing_of(shelf_of(item(name) for name in model.items), rules=())
        assert best(engine, "a1", listing=everything)[0] == "common"
        assert best(engine, "gone", listing=everything) == []
