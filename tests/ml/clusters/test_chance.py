"""Groups that each number makes by itself are no more than chance."""

from __future__ import annotations

import numpy as np
import pytest

from personalization.ml.base import Options
from personalization.ml.clusters.chance import Chance, against_chance, apart
from personalization.ml.clusters.density import Dbscan, DbscanConfig
from personalization.ml.clusters.kmeans import KMeans, KMeansConfig
from personalization.ml.clusters.personas import Personas, PersonasConfig
from personalization.ml.threads import one_thread
from personalization.ml.unfit import UnfitData
from tests.ml.clusters.contract import blobs


@pytest.fixture(autouse=True)
def quiet():
    with one_thread():
        yield


def kmeans(k: int):
    return lambda: KMeans(KMeansConfig(k=k, starts=4))


def found(chance: Chance | None) -> Chance:
    assert chance is not None
    return chance


def test_groups_of_numbers_that_go_together_are_more_than_chance():
    chance = against_chance(kmeans(3), blobs()[0], options=Options())
    assert chance.is_more
    assert chance.silhouette > chance.most_dealt >= chance.dealt
    assert chance.remarks() == ()


@pytest.mark.parametrize("seed", range(4))
def test_groups_of_noise_are_not(seed):
    rows = np.random.default_rng(seed).normal(size=(400, 3))
    chance = against_chance(kmeans(4), rows, options=Options(seed=seed))
    assert not chance.is_more
    (said,) = chance.remarks()
    assert said == (
        "These groups are hardly more than chance would make: their silhouette is "
        f"{chance.silhouette:.2f}, and {chance.dealt:.2f} where each number is dealt out to "
        "visitors anew."
    )


def test_groups_of_skewed_noise_are_told_however_well_they_come_out_again():
    """Skewed noise is parted at the same places each time, so agreement says nothing of it."""
    rows = np.random.default_rng(5).lognormal(size=(600, 2))
    model = Personas(PersonasConfig(rounds=3, most=4)).fit(rows, Options())
    assert not found(model.chance).is_more
    assert any(remark.startswith("These groups are hardly more") for remark in model.remarks())


def test_groups_that_are_there_are_not_doubted():
    model = Personas(PersonasConfig(rounds=2, most=3)).fit(blobs()[0], Options())
    assert found(model.chance).is_more
    assert model.remarks() == ()


def test_of_one_number_there_is_nothing_to_compare():
    model = Personas(PersonasConfig(rounds=2, most=3)).fit(blobs()[0][:, :1], Options())
    assert model.chance is None


@pytest.mark.parametrize(
    ("silhouette", "dealt", "most", "more"),
    [(0.5, 0.3, 0.35, True), (0.32, 0.3, 0.31, False), (0.34, 0.3, 0.36, False), (0, 0, 0, False)],
)
def test_more_than_chance_is_more_by_a_tenth_and_than_any(silhouette, dealt, most, more):
    assert Chance(silhouette=silhouette, dealt=dealt, most_dealt=most).is_more is more


def test_the_same_seed_deals_the_same():
    rows = np.random.default_rng(1).normal(size=(200, 2))
    one, same, other = (
        against_chance(kmeans(2), rows, options=Options(seed=seed)) for seed in (3, 3, 4)
    )
    assert one == same != other


def test_many_rows_cost_no_more_than_some(monkeypatch):
    seen = []
    score = KMeans.score
    monkeypatch.setattr(
        KMeans, "score", lambda self, rows: seen.append(len(rows)) or score(self, rows)
    )
    against_chance(kmeans(2), np.random.default_rng(1).normal(size=(4000, 2)), options=Options())
    assert len(seen) == 6
    assert max(seen) == 1500


def test_too_few_rows_that_differ_are_refused():
    rows = np.repeat([[0.0, 1.0], [1.0, 0.0]], 30, axis=0)
    with pytest.raises(UnfitData):
        against_chance(kmeans(5), rows, options=Options())


def test_what_finds_as_many_groups_as_it_likes_is_not_compared():
    rows, _ = blobs(spread=0.02)
    config = PersonasConfig(clusterer="dbscan", settings={"eps": 0.2}, rounds=2)
    model = Personas(config).fit(rows, Options())
    assert model.chance is None
    assert model.remarks() == ()


def test_where_all_is_dense_nothing_lies_apart():
    rows = np.random.default_rng(2).random((200, 3))
    assert apart(Dbscan(DbscanConfig(eps=100.0)), rows, Options()) == 0.0
