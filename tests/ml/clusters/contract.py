"""What every clusterer has to keep to: derive a class and say how it is made."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from personalization.ml.artefact import checksum, packed, unpacked
from personalization.ml.base import Clusterer, Model, Options
from personalization.ml.clusters.stability import adjusted_rand
from personalization.ml.unfit import UnfitData
from tests.ml.contract import ModelContract

FEATURES = ("visits", "orders", "hours")


def blobs(
    *, sizes: tuple[int, ...] = (120, 80, 60), seed: int = 3, spread: float = 0.25
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Return rows of three features around points that lie far apart, and who is of which."""
    rng = np.random.default_rng(seed)
    points = np.array([[0, 0, 0], [4, 0, 1], [0, 5, -2], [5, 5, 5], [-4, 3, 4]], float)
    truth = np.repeat(np.arange(len(sizes)), sizes)
    rows = points[truth] + rng.normal(scale=spread, size=(len(truth), 3))
    order = rng.permutation(len(truth))
    return rows[order], truth[order]


class ClustererContract(ModelContract):
    """For any clusterer: `made` gives one that has learned nothing yet and finds three groups."""

    def made(self) -> Clusterer[Any]:
        raise NotImplementedError

    def fitted(self, *, seed: int = 0) -> Clusterer[Any]:
        model = self.made()
        model.features = FEATURES
        return model.fit(blobs()[0], Options(seed=seed))

    def answers(self, model: Model[Any]) -> np.ndarray[Any, Any]:
        assert isinstance(model, Clusterer)
        return model.score(np.concatenate([blobs(seed=9)[0], [[99.0, 99.0, 99.0]]]))

    def test_groups_that_are_there_are_found(self) -> None:
        rows, truth = blobs()
        assert adjusted_rand(self.fitted().score(rows), truth) > 0.95

    def test_rows_it_has_not_seen_are_told_apart(self) -> None:
        rows, truth = blobs(seed=4)
        assert adjusted_rand(self.fitted().score(rows), truth) > 0.95

    def test_there_is_a_whole_number_for_each_row(self) -> None:
        model = self.fitted()
        for n in (0, 1, 5):
            found = model.score(blobs()[0][:n])
            assert found.shape == (n,)
            assert found.dtype == np.int32
            assert (found >= -1).all()

    def test_one_row_is_in_the_same_cluster_as_among_others(self) -> None:
        model, (rows, _) = self.fitted(), blobs(seed=5)
        alone = [int(model.score(row[None])[0]) for row in rows[:40]]
        assert alone == model.score(rows)[:40].tolist()

    def test_the_largest_cluster_comes_first(self) -> None:
        rows, _ = blobs()
        found = self.fitted().score(rows)
        sizes = np.bincount(found[found >= 0])
        assert (np.diff(sizes) <= 0).all()

    def test_names_of_features_come_back(self) -> None:
        content = packed(self.fitted())
        back = unpacked(content, sha256=checksum(content))
        assert isinstance(back, Clusterer)
        assert back.features == FEATURES

    def test_rows_with_other_columns_are_refused(self) -> None:
        with pytest.raises(UnfitData, match="2 columns for 3"):
            self.fitted().score(np.zeros((4, 2)))

    def test_a_row_with_a_hole_is_in_none(self) -> None:
        assert self.fitted().score(np.array([[np.nan, 0.0, 0.0]])).tolist() == [-1]

    @pytest.mark.parametrize("value", [np.inf, -np.inf, 1e200, -1e308])
    def test_what_nobody_can_reckon_with_is_in_none_and_leaves_others_alone(
        self, value: float
    ) -> None:
        model, (rows, _) = self.fitted(), blobs(seed=5)
        usual = model.score(rows)
        rows[3, 1] = value
        rows[8] = [value, -value, value]
        found = model.score(rows)
        assert found[[3, 8]].tolist() == [-1, -1]
        others = np.delete(np.arange(len(rows)), [3, 8])
        assert found[others].tolist() == usual[others].tolist()

    def test_a_feature_too_large_to_reckon_with_is_named(self) -> None:
        rows, _ = blobs()
        rows[4, 2] = -1e150
        model = self.made()
        model.features = FEATURES
        with pytest.raises(UnfitData, match=r"“hours” is beyond 1e\+100 in 1 of 260 rows"):
            model.fit(rows, Options())

    def test_a_feature_with_holes_is_named(self) -> None:
        rows, _ = blobs()
        rows[7, 1] = np.nan
        model = self.made()
        model.features = FEATURES
        with pytest.raises(UnfitData, match="“orders” is no number in 1 of 260"):
            model.fit(rows, Options())

    def test_a_feature_of_one_value_tells_nothing_apart(self) -> None:
        rows, truth = blobs()
        rows[:, 2] = 8
        assert adjusted_rand(self.made().fit(rows, Options()).score(rows), truth) > 0.95

    def test_too_few_rows_are_refused(self) -> None:
        with pytest.raises(UnfitData, match="rows that differ are needed; there are"):
            self.made().fit(np.repeat([[0.0, 1.0, 2.0], [1.0, 2.0, 0.0]], 30, axis=0), Options())

    def test_nothing_can_be_learned_of_nothing(self) -> None:
        with pytest.raises(UnfitData):
            self.made().fit(np.empty((0, 3)), Options())

    def test_scoring_changes_nothing(self) -> None:
        model = self.fitted()
        before = packed(model)
        self.answers(model)
        assert packed(model) == before
