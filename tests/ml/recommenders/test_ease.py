"""EASE says what its paper says, and keeps within its limits."""

from __future__ import annotations

import numpy as np
import pytest

from personalization.ml.base import Options
from personalization.ml.history import history_of
from personalization.ml.interactions import Dataset, interactions_of
from personalization.ml.recommenders.ease import Ease, EaseConfig
from personalization.ml.recommenders.matrix import binary_matrix
from personalization.ml.unfit import UnfitData
from tests.ml.contract import RecommenderContract, small_dataset


class TestEase(RecommenderContract):
    def made(self) -> Ease:
        return Ease()


class TestEaseOfFewNeighbours(RecommenderContract):
    def made(self) -> Ease:
        return Ease(EaseConfig(dense_items=0, neighbours=4))


def by_the_formula(dataset: Dataset, *, regularization: float) -> np.ndarray:
    """Return B as the paper writes it, by a general inverse."""
    matrix = binary_matrix(dataset.interactions)
    dense = np.zeros((matrix.n_rows, len(matrix.items)))
    dense[matrix.rows, matrix.columns] = 1
    inverse = np.linalg.inv(dense.T @ dense + regularization * np.eye(dense.shape[1]))
    weights = np.eye(dense.shape[1]) - inverse / np.diag(inverse)
    return np.asarray(weights)


def test_the_weights_are_those_of_the_paper() -> None:
    dataset = small_dataset()
    config = EaseConfig(regularization=7, centred="never")
    model = Ease(config).fit(dataset, Options())
    weights = by_the_formula(dataset, regularization=7)
    for number, item in enumerate(model.items):
        np.testing.assert_allclose(model.score(history_of(item)), weights[number], atol=1e-3)


def test_no_item_tells_of_itself() -> None:
    model = Ease(EaseConfig(centred="never")).fit(small_dataset(), Options())
    for number, item in enumerate(model.items):
        assert model.score(history_of(item))[number] == 0


def test_what_is_centred_knows_what_everybody_has() -> None:
    dataset = small_dataset()
    centred = Ease(EaseConfig(centred="always")).fit(dataset, Options())
    common = centred.items.index("common")
    assert centred.score(history_of("a1")).argmax() == common
    assert centred.score(history_of("a1"))[common] == pytest.approx(1, abs=0.05)


def test_a_small_catalogue_is_centred_by_itself() -> None:
    dataset = small_dataset()
    chosen, always, never = (
        Ease(EaseConfig(centred=centred)).fit(dataset, Options()).score(history_of("b1"))
        for centred in ("auto", "always", "never")
    )
    np.testing.assert_array_equal(chosen, always)
    assert not np.array_equal(chosen, never)


def test_the_same_kind_is_recommended() -> None:
    model = Ease().fit(small_dataset(), Options())
    scores = dict(zip(model.items, model.score(history_of("a1", "a2")), strict=True))
    assert min(scores[f"a{n}"] for n in range(3, 8)) > max(scores[f"b{n}"] for n in range(8))


def test_repetitions_count_once() -> None:
    model = Ease().fit(small_dataset(), Options())
    np.testing.assert_array_equal(
        model.score(history_of("a1", "a1", "b1")), model.score(history_of("a1", "b1"))
    )


def test_more_history_than_regularization_is_regularized_more() -> None:
    """A visitor with many items says less about each pair of them."""
    chosen = Ease().fit(small_dataset(), Options()).score(history_of("a1"))
    given = EaseConfig(regularization=max(20.0, 5 * 6.0))
    np.testing.assert_array_equal(
        chosen, Ease(given).fit(small_dataset(), Options()).score(history_of("a1"))
    )


def test_too_many_items_are_refused_with_their_number() -> None:
    with pytest.raises(UnfitData, match=r"up to 10 items here, has 17"):
        Ease(EaseConfig(max_items=10)).fit(small_dataset(), Options())


def test_of_too_many_items_the_most_active_are_kept_if_that_is_wanted() -> None:
    config = EaseConfig(max_items=5, too_many="most_active")
    model = Ease(config).fit(small_dataset(), Options())
    assert len(model.items) == 5
    assert "common" in model.items
    assert np.isfinite(model.score(history_of("common"))).all()


def test_few_neighbours_say_nearly_what_all_say() -> None:
    dataset = small_dataset()
    everyone = Ease(EaseConfig(dense_items=17)).fit(dataset, Options())
    few = Ease(EaseConfig(dense_items=16, neighbours=16)).fit(dataset, Options())
    np.testing.assert_allclose(
        few.score(history_of("a1", "b2")), everyone.score(history_of("a1", "b2")), atol=2e-3
    )


def test_single_precision_gives_nearly_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    exact = Ease().fit(small_dataset(), Options()).score(history_of("a1"))
    monkeypatch.setattr("personalization.ml.recommenders.ease._EXACT", 0)
    single = Ease().fit(small_dataset(), Options()).score(history_of("a1"))
    np.testing.assert_allclose(single, exact, atol=2e-3)


def test_blocks_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Ease().fit(small_dataset(), Options()).score(history_of("a1", "b3"))
    monkeypatch.setattr("personalization.ml.recommenders.ease.BLOCK", 5)
    parts = Ease().fit(small_dataset(), Options()).score(history_of("a1", "b3"))
    np.testing.assert_allclose(parts, whole, atol=1e-3)


def test_what_cannot_be_solved_is_said() -> None:
    """Two items that everybody has are the same but for a regularization next to nothing."""
    rows = [(n, n, item, "k", 0.0, n) for n in range(4) for item in ("x", "y")]
    config = EaseConfig(regularization=1e-300, centred="never")
    with pytest.raises(UnfitData, match="larger “regularization”"):
        Ease(config).fit(Dataset(interactions=interactions_of(rows), until=9), Options())


def test_progress_is_told_and_may_stop_it() -> None:
    seen: list[float] = []
    Ease().fit(small_dataset(), Options(progress=lambda share, _words: seen.append(share)))
    assert seen == sorted(seen)
    assert all(0 <= share <= 1 for share in seen)

    class Stopped(Exception):
        pass

    def stop(share: float, words: str) -> None:
        raise Stopped

    with pytest.raises(Stopped):
        Ease().fit(small_dataset(), Options(progress=stop))
