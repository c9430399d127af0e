"""Every clusterer keeps the contract, and agrees with scikit-learn where that has an answer."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import cluster, mixture

from personalization.ml.artefact import packed
from personalization.ml.base import Options
from personalization.ml.clusters.centres import largest_first, means, nearest
from personalization.ml.clusters.density import Dbscan, DbscanConfig, Hdbscan, HdbscanConfig
from personalization.ml.clusters.hierarchical import Hierarchical, HierarchicalConfig
from personalization.ml.clusters.kmeans import (
    KMeans,
    KMeansConfig,
    MiniBatchConfig,
    MiniBatchKMeans,
)
from personalization.ml.clusters.mixture import Gmm, GmmConfig
from personalization.ml.clusters.stability import adjusted_rand
from personalization.ml.unfit import UnfitData
from tests.ml.clusters.contract import ClustererContract, blobs


class TestKMeans(ClustererContract):
    def made(self):
        return KMeans(KMeansConfig(k=3))


class TestMiniBatchKMeans(ClustererContract):
    def made(self):
        return MiniBatchKMeans(MiniBatchConfig(k=3))


class TestHierarchical(ClustererContract):
    def made(self):
        return Hierarchical(HierarchicalConfig(k=3))


class TestDbscan(ClustererContract):
    def made(self):
        return Dbscan(DbscanConfig(eps=0.6))

    def test_far_from_everybody_is_in_none(self):
        assert self.answers(self.fitted())[-1] == -1


class TestHdbscan(ClustererContract):
    def made(self):
        return Hdbscan(HdbscanConfig(smallest=20))

    def test_far_from_everybody_is_in_none(self):
        assert self.answers(self.fitted())[-1] == -1


class TestGmm(ClustererContract):
    def made(self):
        return Gmm(GmmConfig(k=3))


# -- as scikit-learn has it ---------------------------------------------------------------


def test_kmeans_puts_rows_where_scikit_learn_does():
    rows, _ = blobs(sizes=(200, 150, 100, 60), spread=1.5)
    peer = cluster.KMeans(4, n_init=10, random_state=0).fit(rows)
    model = KMeans(KMeansConfig(k=4)).fit(rows, Options())
    assert adjusted_rand(model.score(rows), peer.labels_) == pytest.approx(1, abs=0.02)
    assert nearest(rows, model.centres)[1].sum() == pytest.approx(peer.inertia_, rel=1e-3)


def test_a_mixture_says_what_scikit_learn_says_of_new_rows():
    rows, _ = blobs(spread=1.5)
    new, _ = blobs(seed=8, spread=1.5)
    peer = mixture.GaussianMixture(3, n_init=3, reg_covar=1e-4, max_iter=300, random_state=5)
    peer.fit(rows)
    order = np.argsort(-peer.weights_, kind="stable")
    model = Gmm(GmmConfig(k=3)).fit(rows, Options(seed=5))
    np.testing.assert_allclose(model.probabilities(new), peer.predict_proba(new)[:, order])
    np.testing.assert_array_equal(order[model.score(new)], peer.predict(new))


def test_dbscan_says_of_the_rows_it_learned_from_what_scikit_learn_says():
    rows, _ = blobs(spread=0.5)
    peer = cluster.DBSCAN(eps=0.5, min_samples=10).fit(rows)
    model = Dbscan(DbscanConfig(eps=0.5)).fit(rows, Options())
    found = model.score(rows)
    np.testing.assert_array_equal(found == -1, peer.labels_ == -1)
    core = peer.core_sample_indices_
    assert adjusted_rand(found[core], peer.labels_[core]) == 1
    assert 0 < (found == -1).sum() < len(rows) / 2


def test_hdbscan_agrees_with_scikit_learn_on_nearly_all_rows_it_learned_from():
    rows, _ = blobs(sizes=(400, 300, 200), spread=0.6)
    peer = cluster.HDBSCAN(min_cluster_size=50, min_samples=10, copy=True).fit(rows)
    found = Hdbscan().fit(rows, Options()).score(rows)
    own, theirs = largest_first(peer.labels_), found
    assert (own == theirs).mean() > 0.9


def test_wards_clusters_are_those_of_scikit_learn():
    rows, _ = blobs(spread=1.0)
    peer = cluster.AgglomerativeClustering(3, linkage="ward").fit_predict(rows)
    model = Hierarchical(HierarchicalConfig(k=3)).fit(rows, Options())
    expected, sizes = means(rows, largest_first(peer), k=3)
    np.testing.assert_allclose(model.centres, expected)
    np.testing.assert_array_equal(model.sizes, sizes)


# -- what only some of them have ----------------------------------------------------------


def test_the_tree_of_a_hierarchy_is_bounded_and_holds_all_rows_of_the_sample():
    rows, _ = blobs()
    model = Hierarchical(HierarchicalConfig(k=3, sample=200, branches=10)).fit(rows, Options())
    assert len(model.branches) == 10
    assert model.branches.sum() == 200
    assert model.merges.shape == (9, 4)
    assert model.merges[-1, 3] == 200
    assert (np.diff(model.merges[:, 2]) >= 0).all()
    used = model.merges[:, :2].ravel().astype(int)
    assert sorted(used) == list(range(18))


def test_a_small_tree_is_kept_whole():
    rows = np.array([[0.0, 0], [0, 1], [9, 9], [9, 10], [30, 0]])
    model = Hierarchical(HierarchicalConfig(k=2, branches=40)).fit(rows, Options())
    assert model.branches.tolist() == [1, 1, 1, 1, 1]
    assert model.merges[0, 2] == pytest.approx(1)


def test_learning_on_moves_centres_to_the_means_of_all_rows():
    rows, _ = blobs(sizes=(60, 60))
    new, _ = blobs(sizes=(90, 30), seed=12)
    model = MiniBatchKMeans(MiniBatchConfig(k=2)).fit(rows, Options())
    later = model.updated(new)
    everything = np.concatenate([rows, new])
    expected, sizes = means(everything, model.score(everything), k=2)
    np.testing.assert_allclose(later.centres, expected)
    np.testing.assert_array_equal(later.sizes, sizes)


def test_learning_on_changes_a_copy_and_leaves_the_model_as_it_was():
    rows, _ = blobs()
    model = MiniBatchKMeans(MiniBatchConfig(k=3)).fit(rows, Options())
    before = packed(model)
    assert packed(model.updated(rows + 0.5)) != before
    assert packed(model) == before


def test_in_small_parts_it_learns_what_scikit_learn_learns():
    rows, _ = blobs(sizes=(300, 200, 100), spread=0.8)
    model = MiniBatchKMeans(MiniBatchConfig(k=3, batch=100)).fit(rows[:100], Options())
    peer = cluster.MiniBatchKMeans(3, init=model.centres, n_init=1, reassignment_ratio=0)
    peer.partial_fit(rows[:100])
    peer.cluster_centers_[:], peer._counts[:] = model.centres, model.sizes
    for start in range(100, 600, 100):
        peer.partial_fit(rows[start : start + 100])
    np.testing.assert_allclose(model.updated(rows[100:]).centres, peer.cluster_centers_, rtol=1e-6)


def test_with_a_short_memory_it_follows_what_changes():
    rows, _ = blobs(sizes=(500, 400))
    model = MiniBatchKMeans(MiniBatchConfig(k=2)).fit(rows, Options())
    moved = rows + 1
    slow, fast = model.updated(moved), model.updated(moved, memory=50)
    target = model.centres + 1
    assert np.abs(fast.centres - target).max() < np.abs(slow.centres - target).max() / 2


def test_a_distance_is_taken_from_the_data_if_none_is_given():
    rows, truth = blobs()
    model = Dbscan().fit(rows * 1000, Options())
    found = model.score(rows * 1000)
    inside = found >= 0
    assert inside.mean() > 0.85
    assert adjusted_rand(found[inside], truth[inside]) > 0.95


def test_where_no_place_is_dense_it_says_so():
    rows = np.arange(40.0).reshape(20, 2) * [[1, -100]]
    with pytest.raises(UnfitData, match="No row has 10 rows within 0.5; a larger “eps”"):
        Dbscan(DbscanConfig(eps=0.5)).fit(rows, Options())


def test_where_no_rows_lie_close_together_it_says_so():
    rows = np.random.default_rng(0).uniform(size=(60, 2)) * 100
    with pytest.raises(UnfitData, match="No 30 rows lie close together"):
        Hdbscan(HdbscanConfig(smallest=30, neighbours=30)).fit(rows, Options())


def test_representatives_are_bounded():
    rows, _ = blobs(sizes=(400, 300))
    model = Hdbscan(HdbscanConfig(exemplars=12)).fit(rows, Options())
    assert np.bincount(model.numbers).tolist() == [12, 12]


# -- the nearest centre -------------------------------------------------------------------


def test_the_nearest_centre_is_found_also_far_from_zero():
    rng = np.random.default_rng(2)
    centres = 1e8 + rng.normal(size=(7, 4))
    rows = 1e8 + rng.normal(size=(5000, 4))
    found, squared = nearest(rows, centres)
    every = ((rows[:, None] - centres) ** 2).sum(axis=2)
    np.testing.assert_array_equal(found, every.argmin(axis=1))
    np.testing.assert_allclose(squared, every.min(axis=1), rtol=1e-5, atol=1e-6)


def test_of_centres_equally_near_the_first_is_taken():
    found, squared = nearest(np.array([[0.0, 0.0]]), np.array([[1.0, 0.0], [-1.0, 0.0]]))
    assert (found.tolist(), squared.tolist()) == ([0], [1.0])


def test_the_largest_is_first_and_of_one_size_the_one_that_comes_first():
    assert largest_first(np.array([5, 5, 2, 9, 9, -1])).tolist() == [0, 0, 2, 1, 1, -1]


def test_rows_in_no_cluster_are_in_no_mean():
    found, sizes = means(np.array([[1.0], [3.0], [100.0]]), np.array([0, 0, -1]), k=2)
    assert (found.tolist(), sizes.tolist()) == ([[2.0], [0.0]], [2.0, 0.0])
