"""Groups, components and rules where rows are odd: huge, tiny, alike, alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalization.ml.base import Options
from personalization.ml.clusters.distil import DistilConfig, distil
from personalization.ml.clusters.kmeans import KMeans, KMeansConfig
from personalization.ml.clusters.measures import davies_bouldin, elbow, scatter, silhouettes
from personalization.ml.clusters.mixture import Gmm, GmmConfig
from personalization.ml.clusters.pca import Pca, PcaConfig
from personalization.ml.clusters.rows import LARGEST, known, usable
from personalization.ml.unfit import UnfitData
from personalization.rules.catalogue import Catalogue, Field
from tests.effort import examples
from tests.ml.clusters.contract import FEATURES, blobs

# -- rows -------------------------------------------------------------------------------------


def test_what_cannot_be_reckoned_with_is_not_known_and_the_rest_stays() -> None:
    rows = np.array([[1.0, np.inf], [np.nan, -1e101], [LARGEST, -LARGEST]])
    found = known(rows, features=("größe", "年齢"))
    np.testing.assert_array_equal(found, [[1, np.nan], [np.nan, np.nan], [LARGEST, -LARGEST]])
    assert np.isinf(rows[0, 1])  # those that were given stay as they are


@pytest.mark.parametrize("name", ["größe", "年齢", "<b>", "100 %"])
def test_a_feature_is_named_as_it_is_called(name: str) -> None:
    with pytest.raises(UnfitData) as error:
        usable(np.array([[1.0], [2e100]]), features=(name,), least=1)
    assert str(error.value) == f"“{name}” is beyond 1e+100 in 1 of 2 rows."


@pytest.mark.parametrize(
    ("rows", "n"), [(np.empty((0, 2)), 0), (np.zeros((1, 2)), 1), (np.ones((2, 2)), 1)]
)
def test_none_one_and_two_alike_are_too_few(rows: np.ndarray, n: int) -> None:
    with pytest.raises(UnfitData, match=f"2 rows that differ are needed; there are {n}"):
        KMeans(KMeansConfig(k=2)).fit(rows, Options())


def test_as_many_rows_as_groups_are_a_group_each() -> None:
    model = KMeans(KMeansConfig(k=3)).fit(np.array([[0.0], [5.0], [9.0]]), Options())
    assert sorted(model.score(np.array([[0.0], [5.0], [9.0]])).tolist()) == [0, 1, 2]
    assert model.sizes.tolist() == [1, 1, 1]


@pytest.mark.parametrize("scale", [1e-30, 1e-3, 1e30])
def test_the_unit_of_a_feature_changes_no_group_of_one_feature(scale: float) -> None:
    rows = np.concatenate([np.linspace(0, 1, 30), np.linspace(8, 9, 20)])[:, None]
    usual = KMeans(KMeansConfig(k=2)).fit(rows, Options()).score(rows)
    other = KMeans(KMeansConfig(k=2)).fit(rows * scale, Options())
    assert other.score(rows * scale).tolist() == usual.tolist() == [0] * 30 + [1] * 20


# -- components -------------------------------------------------------------------------------


def test_rows_that_hardly_differ_have_no_direction() -> None:
    with pytest.raises(UnfitData, match="no direction can be told"):
        Pca().fit(blobs()[0] * 1e-200, Options())


def test_a_hole_is_a_hole_in_the_components_and_of_no_other_row() -> None:
    rows, _ = blobs()
    model = Pca().fit(rows, Options())
    usual = model.score(rows[:3])
    for value in (np.nan, np.inf, -1e200):
        asked = rows[:3].copy()
        asked[1, 0] = value
        found = model.score(asked)
        assert np.isnan(found[1]).all()
        np.testing.assert_array_equal(found[[0, 2]], usual[[0, 2]])


@given(seed=st.integers(0, 1000))
@examples(20)
def test_components_stand_upright_and_keep_less_and_less(seed: int) -> None:
    rows = np.random.default_rng(seed).normal(size=(20, 4)) * [1, 5, 2, 9]
    model = Pca(PcaConfig(n=4)).fit(rows, Options())
    np.testing.assert_allclose(model.components @ model.components.T, np.eye(4), atol=1e-9)
    assert (np.diff(model.kept) <= 1e-12).all()
    assert model.kept.sum() == pytest.approx(1)
    # Along a component rows are about 0.
    np.testing.assert_allclose(model.score(rows).mean(axis=0), 0, atol=1e-9)


@given(seed=st.integers(0, 1000), order=st.permutations(range(20)))
@examples(20)
def test_components_know_no_order_of_rows(seed: int, order: list[int]) -> None:
    rows = np.random.default_rng(seed).normal(size=(20, 3)) * [1, 5, 2]
    one = Pca(PcaConfig(n=3)).fit(rows, Options())
    other = Pca(PcaConfig(n=3)).fit(rows[order], Options())
    np.testing.assert_allclose(other.score(rows), one.score(rows), atol=1e-8)


@given(share=st.floats(0.05, 1))
@examples(20)
def test_so_many_components_are_kept_as_keep_the_share_and_no_more(share: float) -> None:
    rows, _ = blobs(sizes=(50, 50, 50, 50, 50), spread=1.0)
    all_of_them = Pca(PcaConfig(n=3)).fit(rows, Options()).kept
    kept = Pca(PcaConfig(n=3, share=share)).fit(rows, Options()).kept
    assert kept.sum() >= share - 1e-9
    assert kept[:-1].sum() < share
    np.testing.assert_array_equal(kept, all_of_them[: len(kept)])


# -- measures ---------------------------------------------------------------------------------


def test_groups_around_one_place_are_not_compared() -> None:
    rows = np.array([[-1.0], [1.0], [-2.0], [2.0]])
    assert davies_bouldin(rows, np.array([0, 0, 1, 1])) == 0
    away = np.concatenate([rows, [[10.0], [12.0]]])
    found = davies_bouldin(away, np.array([0, 0, 1, 1, 2, 2]))
    # By the width of either for its distance to the third: (1 + 1) / 11 and (2 + 1) / 11.
    assert found == pytest.approx((2 / 11 + 3 / 11 + 3 / 11) / 3)


def test_one_group_alone_is_compared_with_none() -> None:
    assert davies_bouldin(np.array([[1.0], [5.0]]), np.array([0, 0])) == 0


@given(seed=st.integers(0, 1000), scale=st.floats(0.01, 100), shift=st.floats(-50, 50))
@examples(30)
def test_neither_unit_nor_origin_changes_how_far_groups_lie_apart(
    seed: int, scale: float, shift: float
) -> None:
    rng = np.random.default_rng(seed)
    rows, numbers = (
        rng.normal(size=(25, 2)),
        np.concatenate([np.arange(3), rng.integers(3, size=22)]),
    )
    moved = rows * scale + shift
    np.testing.assert_allclose(silhouettes(moved, numbers), silhouettes(rows, numbers), atol=1e-4)
    assert davies_bouldin(moved, numbers) == pytest.approx(davies_bouldin(rows, numbers), rel=1e-6)
    assert scatter(moved, numbers) == pytest.approx(scatter(rows, numbers) * scale**2, rel=1e-6)


@given(seed=st.integers(0, 1000))
@examples(30)
def test_silhouettes_lie_between_minus_one_and_one(seed: int) -> None:
    rng = np.random.default_rng(seed)
    found = silhouettes(rng.normal(size=(20, 2)), rng.integers(6, size=20))
    assert (np.abs(found) <= 1).all()


@given(seed=st.integers(0, 1000))
@examples(20)
def test_a_group_that_is_parted_leaves_no_more_around_the_means(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows, numbers = rng.normal(size=(30, 2)), rng.integers(2, size=30)
    parted = np.where((numbers == 0) & (rows[:, 0] > 0), 2, numbers)
    assert scatter(rows, parted) <= scatter(rows, numbers) + 1e-9


@given(st.lists(st.floats(0, 100), min_size=1, max_size=8))
@examples(40)
def test_an_elbow_is_one_of_those_tried(scatters: list[float]) -> None:
    ks = list(range(2, 2 + len(scatters)))
    falling = sorted(scatters, reverse=True)
    assert elbow(ks, scatters) in ks
    assert elbow(ks, falling) == elbow(ks, [7 * each + 3 for each in falling]) or (
        falling[0] - falling[-1] < 1e-6
    )


# -- a mixture --------------------------------------------------------------------------------


def test_how_probable_groups_are_adds_up_also_far_away() -> None:
    model = Gmm(GmmConfig(k=3)).fit(blobs()[0], Options())
    found = model.probabilities(np.array([[0, 0, 0], [1e8, -1e8, 3], [4, 0, 1.0]]))
    np.testing.assert_allclose(found.sum(axis=1), 1)
    assert (found >= 0).all()


def test_of_a_row_with_a_hole_no_group_is_probable() -> None:
    model = Gmm(GmmConfig(k=3)).fit(blobs()[0], Options())
    assert np.isnan(model.probabilities(np.array([[np.inf, 0, 0], [np.nan, 0, 0]]))).all()


# -- rules ------------------------------------------------------------------------------------

WIDE = Catalogue(
    features={name: Field(name, name, "number") for name in (*FEATURES, "größe", "年齢")}
)


def ruled(rows: np.ndarray, members: np.ndarray, *features: str):
    return distil(
        rows, members, features=features, catalogue=WIDE, config=DistilConfig(rounds=0),
        options=Options(),
    )  # fmt: skip


@pytest.mark.parametrize("value", [np.inf, -np.inf])
def test_a_rule_of_what_is_infinite_is_refused_by_its_name(value: float) -> None:
    rows = np.stack([np.arange(40.0), np.arange(40.0)], axis=1)
    rows[3, 1] = value
    with pytest.raises(UnfitData, match="“年齢” is infinite in some rows"):
        ruled(rows, np.arange(40) < 9, "größe", "年齢")


def test_what_is_infinite_and_no_rule_asks_for_is_no_matter() -> None:
    rows = np.stack([np.arange(40.0), np.full(40, np.inf)], axis=1)
    found = ruled(rows, np.arange(40) < 9, "größe", "mood")
    assert (found.features, found.f1) == (("größe",), 1)


@pytest.mark.parametrize("scale", [1e-3, 1, 1e9])
def test_a_rule_is_found_whatever_the_unit(scale: float) -> None:
    rows = np.arange(40.0)[:, None] * scale
    members = np.arange(40) < 9
    found = ruled(rows, members, "größe")
    assert found.says(rows).tolist() == members.tolist()
    (condition,) = found.rule["root"]["rules"]  # type: ignore[index, call-overload]
    assert condition["field"] == "größe"


def test_who_is_told_from_others_by_being_unknown_is_found_so() -> None:
    rows = np.array([[np.nan]] * 12 + [[1.0], [2.0], [3.0]] * 10)
    members = np.isnan(rows[:, 0])
    found = ruled(rows, members, "年齢")
    assert found.says(rows).tolist() == members.tolist()
    assert found.rule["root"]["rules"] == [  # type: ignore[index, call-overload]
        {"kind": "feature", "field": "年齢", "operator": "is not set", "value": None}
    ]


@pytest.mark.parametrize("n", [1, 2])
def test_one_among_others_is_a_group_too(n: int) -> None:
    rows = np.arange(30.0)[:, None]
    found = ruled(rows, np.arange(30) >= 30 - n, "größe")
    assert (found.size, found.precision, found.recall) == (n, 1, 1)
    assert found.share == pytest.approx(n / 30)
