"""Groups that were found without a number, and whether they are too many."""

from __future__ import annotations

from dataclasses import asdict, replace

import numpy as np
import pytest

from personalization.ml.artefact import checksum, packed, unpacked
from personalization.ml.base import Options
from personalization.ml.clusters import joining
from personalization.ml.clusters.choose import ChoiceConfig
from personalization.ml.clusters.joining import Joined, joined
from personalization.ml.clusters.kmeans import KMeans, KMeansConfig
from personalization.ml.clusters.personas import Personas, PersonasConfig
from tests.ml.clusters.contract import blobs

CONFIG = ChoiceConfig()


def of(rows, numbers, *, seed: int = 0) -> Joined:
    found = joined(rows, numbers, options=Options(seed=seed))
    assert found is not None
    return found


def test_groups_that_are_there_are_best_left_alone():
    rows, truth = blobs(sizes=(120, 80, 60, 60))
    found = of(rows, truth)
    assert (found.k, found.best) == (4, 4)
    assert found.best_silhouette == found.silhouette
    assert found.remarks(CONFIG) == ()


def test_too_many_groups_are_told_with_the_number_that_joining_leaves():
    rows, _ = blobs()
    parts = KMeans(KMeansConfig(k=12)).fit(rows, Options()).score(rows)
    found = of(rows, parts)
    assert (found.k, found.best) == (12, 3)
    assert found.best_silhouette > 0.8
    assert found.remarks(CONFIG)[0] == (
        f"Too many groups: the silhouette of 12 is {found.silhouette:.2f}; with those that are "
        f"nearest joined, 3 groups have {found.best_silhouette:.2f}."
    )


def test_those_in_no_group_are_left_out_and_count_for_shares():
    rows, truth = blobs(sizes=(100, 100, 40))
    outside = np.where(truth == 2, -1, truth)
    found = of(rows, outside)
    assert (found.k, found.best) == (2, 2)
    assert found.smallest == pytest.approx(100 / 240)
    assert found.outside == pytest.approx(40 / 240)


@pytest.mark.parametrize("numbers", [np.zeros(50, np.int32), np.full(50, -1, np.int32)])
def test_of_fewer_than_two_groups_there_is_nothing_to_join(numbers):
    assert joined(np.random.default_rng(0).random((50, 2)), numbers, options=Options()) is None


def test_of_very_many_groups_as_many_are_tried_as_of_some(monkeypatch):
    asked = []
    take = joining.silhouettes
    monkeypatch.setattr(joining, "silhouettes", lambda *of: asked.append(1) or take(*of))
    rows, _ = blobs(sizes=(300, 300, 300))
    found = of(rows, KMeans(KMeansConfig(k=90, starts=1)).fit(rows, Options()).score(rows))
    assert (found.k, found.best) == (90, 3)
    assert len(asked) == 60


def test_a_group_that_is_hardly_apart_and_one_that_is_small_are_told():
    figures = Joined(
        k=2, silhouette=0.5, worst_silhouette=0.04, smallest=0.01, outside=0.6, best=2,
        best_silhouette=0.5,
    )  # fmt: skip
    assert figures.remarks(CONFIG) == (
        "A group is hardly apart from its neighbour: its silhouette is 0.04.",
        "The smallest group has 1.0% of the visitors, less than 5.0%.",
        "60.0% of the visitors are in no group.",
    )
    good = replace(figures, worst_silhouette=0.3, smallest=0.2, outside=0.4)
    assert good.remarks(CONFIG) == ()


@pytest.mark.parametrize(
    ("clusterer", "settings"),
    [("dbscan", {"eps": 0.12, "neighbours": 3}), ("hdbscan", {"smallest": 2, "neighbours": 1})],
)
def test_what_finds_as_many_as_it_likes_says_that_they_are_too_many(clusterer, settings):
    rows, _ = blobs(sizes=(300, 200, 150))
    config = PersonasConfig(clusterer=clusterer, settings=settings, rounds=2)
    model = Personas(config).fit(rows, Options())
    assert len(model.ids) > 6
    assert any(remark.startswith("Too many groups: the silhouette") for remark in model.remarks())
    content = packed(model)
    again = unpacked(content, sha256=checksum(content))
    assert isinstance(again, Personas)
    assert again.remarks() == model.remarks()
    assert again.joined is not None
    assert model.joined is not None
    assert asdict(again.joined) == asdict(model.joined)
