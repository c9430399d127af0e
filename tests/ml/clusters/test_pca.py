"""Principal components: what keeps most of what tells rows apart."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.decomposition import PCA

from personalization.ml.base import Options
from personalization.ml.clusters.pca import Pca, PcaConfig
from personalization.ml.unfit import UnfitData
from tests.effort import examples
from tests.ml.clusters.contract import FEATURES, blobs
from tests.ml.contract import ModelContract


class TestPca(ModelContract):
    def fitted(self, *, seed=0):
        model = Pca(PcaConfig(n=2))
        model.features = FEATURES
        return model.fit(blobs()[0], Options(seed=seed))

    def answers(self, model):
        return model.score(blobs(seed=9)[0])


def test_components_are_those_of_scikit_learn_but_for_their_signs():
    rows, _ = blobs()
    model, peer = Pca(PcaConfig(n=3)).fit(rows, Options()), PCA(3).fit(rows)
    np.testing.assert_allclose(np.abs(model.components), np.abs(peer.components_), atol=1e-9)
    np.testing.assert_allclose(model.kept, peer.explained_variance_ratio_)
    np.testing.assert_allclose(np.abs(model.score(rows)), np.abs(peer.transform(rows)), atol=1e-9)


@given(seed=st.integers(0, 10_000), columns=st.integers(1, 6))
@examples(30)
def test_all_components_together_keep_every_distance(seed, columns):
    rows = np.random.default_rng(seed).normal(size=(12, columns))
    model = Pca(PcaConfig(n=100)).fit(rows, Options())
    turned = model.score(rows)
    before = ((rows[:, None] - rows) ** 2).sum(axis=2)
    np.testing.assert_allclose(((turned[:, None] - turned) ** 2).sum(axis=2), before, atol=1e-9)
    assert model.kept.sum() == pytest.approx(1)
    assert (model.components.max(axis=1) >= -model.components.min(axis=1)).all()


def test_so_many_are_kept_as_the_wanted_share_needs():
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(500, 4)) * [10, 5, 1, 0.1]
    wanted = {0.5: 1, 0.9: 2, 0.9999: 3, 1.0: 4}
    for share, n in wanted.items():
        assert len(Pca(PcaConfig(n=4, share=share)).fit(rows, Options()).components) == n


def test_rows_that_are_all_the_same_have_no_components():
    with pytest.raises(UnfitData, match="2 rows that differ are needed; there are 1"):
        Pca().fit(np.ones((5, 2)), Options())


def test_a_feature_with_holes_is_named():
    model = Pca()
    model.features = ("visits", "orders")
    with pytest.raises(UnfitData, match="“orders” is no number in 1 of 2 rows"):
        model.fit(np.array([[0.0, 1.0], [2.0, np.nan]]), Options())
