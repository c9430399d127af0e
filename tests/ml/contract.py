"""What every model has to keep to, whoever wrote it: derive a class and say how it is made."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from personalization.ml.artefact import CorruptArtefact, checksum, packed, unpacked
from personalization.ml.base import InvalidConfig, Model, Options, Recommender
from personalization.ml.history import history_of
from personalization.ml.interactions import Dataset, interactions_of
from personalization.ml.unfit import UnfitData

MINUTE = 60_000_000


def small_dataset(*, visitors: int = 60, seed: int = 1) -> Dataset:
    """Return two kinds of visitors who look at two kinds of items, one visit each."""
    rng = np.random.default_rng(seed)
    rows = []
    for visitor in range(visitors):
        items = [f"{'ab'[visitor % 2]}{n}" for n in rng.choice(8, size=5, replace=False)]
        rows += [
            (visitor, visitor, item, "Product Viewed", float("nan"), (visitor * 60 + n) * MINUTE)
            for n, item in enumerate([*items, "common"])
        ]
    return Dataset(interactions=interactions_of(rows), until=visitors * 60 * MINUTE)


class ModelContract:
    """For any model: `fitted` gives one that has learned."""

    def fitted(self, *, seed: int = 0) -> Model[Any]:
        raise NotImplementedError

    def answers(self, model: Model[Any]) -> np.ndarray[Any, Any]:
        """Return scores of the model for some things."""
        raise NotImplementedError

    def test_the_same_seed_gives_the_same_bytes(self) -> None:
        assert packed(self.fitted(seed=7)) == packed(self.fitted(seed=7))

    def test_what_comes_back_scores_the_same(self) -> None:
        model = self.fitted()
        content = packed(model)
        back = unpacked(content, sha256=checksum(content))
        assert type(back) is type(model)
        assert back.config == model.config
        np.testing.assert_array_equal(self.answers(back), self.answers(model))
        assert packed(back) == content

    def test_a_changed_byte_is_refused(self) -> None:
        content = bytearray(packed(self.fitted()))
        sha256 = checksum(bytes(content))
        content[len(content) // 2] ^= 1
        with pytest.raises(CorruptArtefact, match=sha256[:12]):
            unpacked(bytes(content), sha256=sha256)

    def test_what_was_learned_is_numbers_and_texts(self) -> None:
        model = self.fitted()
        assert {array.dtype.kind for array in model.arrays().values()} <= set("biufU")
        json.dumps(model.facts(), allow_nan=False)

    def test_a_field_that_there_is_not_is_refused(self) -> None:
        with pytest.raises(InvalidConfig, match="nonsense"):
            type(self.fitted()).config_class.read({"nonsense": 1})

    def test_a_value_that_is_not_allowed_is_refused(self) -> None:
        config = type(self.fitted()).config_class
        for name, (least, most) in config.bounds.items():
            for value in (least - 1, most + 1, "x", None, True):
                with pytest.raises(InvalidConfig, match=name):
                    config.read({name: value})
        for name in config.choices:
            for choice in ("nonsense", None, 1):
                with pytest.raises(InvalidConfig, match=name):
                    config.read({name: choice})


class RecommenderContract(ModelContract):
    """For any recommender: `made` gives one that has learned nothing yet."""

    def made(self) -> Recommender[Any]:
        raise NotImplementedError

    def dataset(self) -> Dataset:
        return small_dataset()

    def fitted(self, *, seed: int = 0) -> Recommender[Any]:
        return self.made().fit(self.dataset(), Options(seed=seed))

    def answers(self, model: Model[Any]) -> np.ndarray[Any, Any]:
        assert isinstance(model, Recommender)
        return np.stack([model.score(history_of(*items)) for items in ([], ["a1"], ["b1", "b2"])])

    def test_there_is_a_finite_score_for_each_item(self) -> None:
        model = self.fitted()
        assert set(model.items) <= set(self.dataset().interactions.items)
        for items in ([], ["a1"], ["b1", "b2", "b1"], ["never seen"], ["a1"] * 500):
            scores = model.score(history_of(*items))
            assert scores.shape == (len(model.items),)
            assert scores.dtype == np.float32
            assert np.isfinite(scores).all()

    def test_what_nobody_knows_says_nothing(self) -> None:
        model = self.fitted()
        unknown = model.score(history_of("never seen"))
        np.testing.assert_array_equal(unknown, model.score(history_of()))

    def test_scoring_changes_nothing(self) -> None:
        model = self.fitted()
        before = packed(model)
        self.answers(model)
        assert packed(model) == before

    def test_nothing_can_be_learned_of_nothing(self) -> None:
        empty = Dataset(interactions=interactions_of([]), until=0)
        with pytest.raises(UnfitData):
            self.made().fit(empty, Options())

    def test_one_row_is_enough_not_to_fail_badly(self) -> None:
        one = Dataset(interactions=interactions_of([(0, 0, "x", "k", 1.0, 5)]), until=6)
        try:
            scores = self.made().fit(one, Options()).score(history_of("x"))
        except UnfitData:
            return
        assert np.isfinite(scores).all()
