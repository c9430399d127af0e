"""Lists of a stack that has learned: what is due to the history, and what is said of what is new."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from personalization.ml.base import Options
from personalization.ml.history import History, history_of
from personalization.ml.interactions import Catalogue, Dataset
from personalization.ml.recommenders.blend import LENGTHS
from personalization.ml.recommenders.stack import Stack
from personalization.ml.recommenders.stack_config import StackConfig
from personalization.ml.serving.engine import Engine
from personalization.ml.serving.policy import Policy
from personalization.ml.serving.popular import Group, Popular, in_order
from personalization.ml.serving.recommend import Ask, Recommendation, recommend
from personalization.ml.serving.rerank import listing_of
from personalization.ml.serving.shelf import shelf_of
from tests.ml.contract import small_dataset
from tests.ml.serving.making import item, keys

PLAIN = Policy(diversity=0.0, explore=0.0)
#: Nobody has seen it, and it is told of in the words of the items of kind b.
UNSEEN = "unseen"


def _dataset() -> Dataset:
    rows = small_dataset().interactions
    items = (*rows.items, UNSEEN)
    texts = tuple("" if key == "common" else f"all about {_kind(key)}" for key in items)
    catalogue = Catalogue(items=items, texts=texts, tags=tuple(() for _ in items))
    return replace(small_dataset(), catalogue=catalogue)


def _kind(key: str) -> str:
    return {"a": "apples", "c": ""}.get(key[0], "bananas")


@cache
def stack(*engines: str) -> Stack:
    config = StackConfig(engines={"popularity": {}, **{name: {} for name in engines}})
    return Stack(config).fit(_dataset(), Options())


ALL_ENGINES = ("ease", "rp3beta", "content", "markov", "vstan")


def shelf(*more: str):
    kinds = {key: key[0] for key in stack(*ALL_ENGINES).items}
    return shelf_of(
        item(key, category="b" if key == UNSEEN else kind)
        for key, kind in {**kinds, **dict.fromkeys(more, "b")}.items()
    )


#: Who are most popular are of kind a.
FAMOUS = in_order({f"{kind}{n}": worth / (n + 1) for kind, worth in (("a", 1), ("b", 0.01))
                   for n in range(8)})  # fmt: skip


def listed(
    *viewed: str, model: bool = True, known: Popular = FAMOUS, n: int = 5, **fields: object
) -> tuple[Recommendation, ...]:
    ask = Ask(n=n, history=history_of(*viewed), policy=PLAIN, **fields)  # type: ignore[arg-type]
    scorer = Engine(stack(*ALL_ENGINES), version=4) if model else None
    return recommend(ask, items=shelf("new"), famous=known, scorer=scorer)


class TestPagesAboutWhatIsNew:
    @pytest.mark.parametrize("model", [True, False])
    def test_the_category_comes_first_with_a_model_as_without(self, model: bool) -> None:
        found = listed(item="new", model=model)
        assert keys(found) == ["b0", "b1", "b2", "b3", "b4"]
        assert {one.model_version for one in found} == {None}

    def test_who_is_in_a_segment_sees_what_is_popular_there(self) -> None:
        group = Group(100.0, {"b7": 90.0, "a7": 10.0})
        known = replace(FAMOUS, groups={"loyal": group})
        found = listed(item="new", known=known, groups=frozenset({"loyal"}))
        assert keys(found)[0] == "b7"
        assert keys(listed("gone", known=known, groups=frozenset({"loyal"})))[0] == "b7"

    def test_what_a_known_visitor_likes_comes_behind_the_category(self) -> None:
        found = listed("a1", "a2", item="new", n=14)
        assert [key[0] for key in keys(found)[:4]] == ["b"] * 4
        assert {one.model_version for one in found} == {4}
        assert any(one.reason.code == "viewed" and one.item.key[0] == "a" for one in found)
        assert not any(one.reason.code == "related" for one in found)

    def test_what_words_tell_of_is_not_new_to_the_model(self) -> None:
        found = listed(item=UNSEEN)
        assert {one.model_version for one in found} == {4}
        alike = [one for one in found if one.item.key != "common"]
        assert len(alike) >= 4
        assert {(one.item.key[0], one.reason.code) for one in alike} == {("b", "related")}

    def test_of_what_nothing_tells_everybody_gets_what_is_popular(self) -> None:
        found = listed("gone")
        assert keys(found) == ["a0", "a1", "a2", "a3", "a4"]
        assert {one.model_version for one in found} == {None}


class TestPagesAboutWhatIsKnown:
    @pytest.mark.parametrize("n", [1, 3, 6])
    def test_what_goes_with_it_comes_first_whatever_else_was_looked_at(self, n: int) -> None:
        liked = [f"a{number}" for number in range(n)]
        found = [one for one in listed(*liked, item="b2", n=4) if one.item.key != "common"]
        assert [(one.item.key[0], one.reason.code) for one in found[:2]] == [("b", "related")] * 2

    def test_what_is_liked_has_a_say_behind_it(self) -> None:
        assert any(one.item.key[0] == "a" for one in listed("a1", "a2", "a3", item="b2", n=9))


class TestWhatScoresAreDueTo:
    @pytest.mark.parametrize("viewed", [["a1"], ["a1", "b2", "a3"], [f"a{n}" for n in range(8)]])
    def test_scores_are_what_everybody_gets_and_what_the_history_says(
        self, viewed: list[str]
    ) -> None:
        model = stack(*ALL_ENGINES)
        history = history_of(*viewed)
        ranking = Engine(model).ranking(history, listing_of(shelf(), rules=()))
        assert ranking is not None
        scores = model.score(history)
        weight = model.weights["popularity"][model.weighing(history)]
        popular = model.score(History()) * weight
        for key, score, general in zip(model.items, scores, popular, strict=True):
            if score > 0:
                own = np.clip((score - general) / score, 0, 1)
                assert ranking.share_of(key) == pytest.approx(own, abs=1e-6)

    @pytest.mark.parametrize("length", range(len(LENGTHS)))
    def test_one_item_accounts_for_all_that_not_everybody_gets(self, length: int) -> None:
        model = stack("rp3beta", "content", "markov", "vstan")  # that score no item by itself
        for viewed in ("a1", "b2", "common"):
            history = history_of(viewed)
            scores = model.weighed(history, weighing=length)
            general = model.weighed(History(), weighing=length)
            np.testing.assert_allclose(
                model.led_by(viewed, weighing=length), scores - general, atol=1e-6
            )

    def test_what_ease_says_of_an_item_by_itself_is_due_to_no_other(self) -> None:
        """What is popular scores high with EASE whatever was viewed: its intercept."""
        model = stack("ease")
        ease = model._blend.engines["ease"]
        weight = model.weights["ease"][0]
        alone = ease.score(history_of("b1"))
        expected = weight * (alone - ease.usual()) / alone.max()
        found = dict(zip(model.items, model.led_by("b1"), strict=True))
        assert [found[key] for key in ease.items] == pytest.approx(expected.tolist(), abs=1e-6)
        assert ease.usual().max() > 0


class TestReasons:
    def test_after_one_view_what_is_listed_because_of_it_says_so(self) -> None:
        """Popular items as well: what the view adds to their scores is more than what everybody
        gets."""
        model = stack(*ALL_ENGINES)
        for viewed in (key for key in model.items if key[0] in "ab"):
            ranking = Engine(model).ranking(history_of(viewed), listing_of(shelf(), rules=()))
            assert ranking is not None
            for one in listed(viewed, n=4):
                due = ranking.share_of(one.item.key) > 0.5
                named = one.reason.code == "viewed" and one.reason.item.key == viewed  # type: ignore[union-attr]
                assert named or not due
                assert one.reason.code != "popular" or not due
