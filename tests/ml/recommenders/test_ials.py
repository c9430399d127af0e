"""Factors solve what they say they solve, and whoever just came gets some."""

from __future__ import annotations

import shutil
import sys
from dataclasses import replace
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from personalization.ml.artefact import checksum, packed, unpacked
from personalization.ml.base import InvalidConfig, Options
from personalization.ml.history import History, Step, history_of
from personalization.ml.interactions import Dataset, interactions_of
from personalization.ml.recommenders.als_core import Penalties, batches, solved
from personalization.ml.recommenders.ials import Ials, IalsConfig
from personalization.ml.recommenders.matrix import binary_matrix, weighted_matrix
from personalization.ml.threads import one_thread
from tests.ml.contract import RecommenderContract, small_dataset

FEW = IalsConfig(factors=8, backend="own")


class TestIals(RecommenderContract):
    def made(self) -> Ials:
        return Ials(FEW)


class TestIalsOfMoreFactorsThanItems(RecommenderContract):
    def made(self) -> Ials:
        return Ials(IalsConfig(factors=40, backend="own"))


def weighing(**weights: float) -> IalsConfig:
    return replace(FEW, weights=weights, dwell={})


def liked(model: Ials, *items: str, kind: str = "") -> History:
    return History(steps=tuple(Step(item=item, at=0, kind=kind) for item in items))


def test_each_row_gets_the_factors_with_the_least_loss() -> None:
    """Against the normal equations of each row, written down one by one."""
    matrix = weighted_matrix(small_dataset().interactions, weights={"Product Viewed": 2}, dwell={})
    rng = np.random.default_rng(3)
    theirs = rng.normal(size=(len(matrix.items), 6)).astype(np.float32)
    mine = np.zeros((matrix.n_rows, 6), np.float32)
    penalties = Penalties(regularization=0.1, unobserved=0.3)
    found = solved(batches(matrix), mine=mine, theirs=theirs, penalties=penalties, n_steps=20)
    for row in range(matrix.n_rows):
        at = slice(matrix.starts[row], matrix.starts[row + 1])
        near, sure = theirs[matrix.columns[at]], matrix.values[at]
        left = 0.3 * theirs.T @ theirs + (near.T * sure) @ near
        left += 0.1 * (len(near) + 0.3 * len(theirs)) * np.eye(6)
        np.testing.assert_allclose(found[row], np.linalg.solve(left, sure @ near), atol=1e-3)


def test_rows_of_any_length_are_in_one_batch_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("personalization.ml.recommenders.als_core._AT_ONCE", 12)
    rows = [(n, n, f"i{k}", "k", 0.0, n) for n in range(9) for k in range(n + 1)]
    matrix = binary_matrix(interactions_of(rows))
    parts = batches(matrix)
    assert sorted(np.concatenate([part.rows for part in parts]).tolist()) == list(range(9))
    for part in parts:
        assert part.columns.shape == part.confidences.shape
        assert (part.confidences.sum(axis=1) == part.lengths).all()
        assert ((part.columns == len(matrix.items)) == (part.confidences == 0)).all()


def test_the_same_kind_is_recommended() -> None:
    model = Ials(replace(FEW, factors=2)).fit(small_dataset(), Options())
    scores = dict(zip(model.items, model.score(history_of("b1", "b2")), strict=True))
    assert min(scores[f"b{n}"] for n in range(3, 8)) > max(scores[f"a{n}"] for n in range(8))


def test_a_visitor_is_solved_for_as_in_training() -> None:
    """Fold-in needs no factors of visitors: what was learned with is found again."""
    dataset = small_dataset()
    model = Ials(replace(FEW, regularization=0.001, unobserved=0.1)).fit(dataset, Options())
    rows = dataset.interactions
    first = [rows.items[item] for item in rows.item[rows.visitor == 0]]
    scores = dict(zip(model.items, model.score(history_of(*first)), strict=True))
    assert min(scores[item] for item in first) > 0.5


def test_the_fewer_pairs_there_are_the_less_sure_is_what_nobody_did() -> None:
    """40 visitors of 2 of 40 items each, beside 10 × the share of pairs given in words."""
    rows = [(n, n, f"i{(n + k) % 40}", "k", 0.0, n) for n in range(40) for k in (0, 1)]
    dataset = Dataset(interactions=interactions_of(rows), until=99)
    by_itself = Ials(FEW).fit(dataset, Options())
    given = Ials(replace(FEW, unobserved=10 * 2 / 40)).fit(dataset, Options())
    for name, array in by_itself.arrays().items():
        np.testing.assert_array_equal(array, given.arrays()[name])


def test_what_says_more_pulls_more() -> None:
    config = weighing(Bought=5.0, Looked=1.0)
    model = Ials(config).fit(small_dataset(), Options())
    step_a, step_b = Step(item="a1", at=0, kind="Bought"), Step(item="b1", at=0, kind="Looked")
    bought_a = model.score(History(steps=(step_a, step_b)))
    bought_b = model.score(
        History(steps=(replace(step_a, kind="Looked"), replace(step_b, kind="Bought")))
    )
    at = [model.items.index(f"a{n}") for n in range(2, 8)]
    assert bought_a[at].mean() > bought_b[at].mean()


def test_what_is_disliked_is_not_learned_from() -> None:
    model = Ials(weighing(Removed=-1.0)).fit(small_dataset(), Options())
    nothing = np.zeros(len(model.items), np.float32)
    np.testing.assert_array_equal(model.score(liked(model, "a1", kind="Removed")), nothing)


def test_time_spent_is_learned_from_where_it_is_said_to_be_time() -> None:
    rows = [(n % 9, n, f"i{n % 5}", "Read", 60.0 * (n % 7), n) for n in range(40)]
    dataset = Dataset(interactions=interactions_of(rows), until=99)
    by_time, by_count = (
        Ials(replace(FEW, dwell=dwell)).fit(dataset, Options()).score(history_of("i1"))
        for dwell in ({"Read": 60.0}, {})
    )
    assert not np.allclose(by_time, by_count)


def test_another_seed_starts_elsewhere() -> None:
    dataset = small_dataset()
    one, other = (Ials(FEW).fit(dataset, Options(seed=seed)) for seed in (1, 2))
    assert packed(one) != packed(other)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"weights": {"x": "much"}}, "“weights” of “x” is 'much'"),
        ({"weights": {"x": float("nan")}}, "“weights” of “x” is nan"),
        ({"weights": [1, 2]}, "“weights” is"),
        ({"dwell": {"Read": 0}}, "“dwell” of “Read” is 0"),
        ({"factors": 2.5}, "“factors” is 2.5; allowed: whole numbers"),
    ],
)
def test_what_cannot_be_configured_is_named(values: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidConfig, match=said):
        IalsConfig.read(values)


class StandIn:
    """As much of the library as is asked for; it remembers what it was given."""

    given: dict[str, Any]

    def __init__(self, **options: Any) -> None:
        self.options = options

    def fit(self, confidences: Any, *, show_progress: bool) -> None:
        StandIn.given = {**self.options, "least": confidences.data.min()}
        rng = np.random.default_rng(self.options["random_state"])
        shape = (confidences.shape[1], self.options["factors"])
        self.item_factors = rng.normal(size=shape).astype(np.float32)


@pytest.fixture
def with_library(monkeypatch: pytest.MonkeyPatch) -> None:
    module: Any = ModuleType("implicit.cpu.als")
    module.AlternatingLeastSquares = StandIn
    monkeypatch.setitem(sys.modules, "implicit", ModuleType("implicit"))
    monkeypatch.setitem(sys.modules, "implicit.cpu", ModuleType("implicit.cpu"))
    monkeypatch.setitem(sys.modules, "implicit.cpu.als", module)
    monkeypatch.setattr("personalization.ml.recommenders.ials.find_spec", lambda name: name)


@pytest.mark.usefixtures("with_library")
def test_the_library_is_told_the_same_in_its_own_units() -> None:
    config = replace(FEW, backend="auto", unobserved=0.5, regularization=0.01, weights={}, dwell={})
    model = Ials(config).fit(small_dataset(), Options(seed=5))
    assert StandIn.given["least"] == 1 + 1 / 0.5
    assert StandIn.given["random_state"] == 5
    # 60 visitors of 6 of 17 items each.
    visitor, item = 6 + 0.5 * 17, 60 * 6 / 17 + 0.5 * 60
    assert StandIn.given["regularization"] == pytest.approx(0.01 * (visitor + item) / 2 / 0.5)
    content = packed(model)
    back = unpacked(content, sha256=checksum(content))
    history = history_of("a1")
    np.testing.assert_array_equal(back.score(history), model.score(history))  # type: ignore[attr-defined]


def test_without_the_library_it_cannot_be_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("personalization.ml.recommenders.ials.find_spec", lambda name: None)
    with pytest.raises(InvalidConfig, match="the extra “als” has it"):
        Ials(IalsConfig(backend="implicit")).fit(small_dataset(), Options())


def test_without_spark_it_cannot_be_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("personalization.ml.recommenders.ials.find_spec", lambda name: None)
    with pytest.raises(InvalidConfig, match="the extra “spark” has it"):
        Ials(IalsConfig(backend="spark")).fit(small_dataset(), Options())


def test_spark_is_told_the_same_in_its_own_units(monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, Any] = {}

    def item_factors(matrix: Any, **said: Any) -> Any:
        given.update(said)
        return np.eye(len(matrix.items), said["factors"], dtype=np.float32)

    monkeypatch.setattr("personalization.ml.recommenders.ials.find_spec", lambda name: name)
    monkeypatch.setattr("personalization.ml.recommenders.ials.item_factors", item_factors)
    config = replace(FEW, backend="spark", unobserved=0.5, regularization=0.01)
    model = Ials(config).fit(small_dataset(), Options(seed=5))
    # 60 visitors of 6 of 17 items each: what both sides are regularized by in all, for a value.
    visitor, item = 6 + 0.5 * 17, 60 * 6 / 17 + 0.5 * 60
    mean = (visitor / 6 + item / (60 * 6 / 17)) / 2
    assert given["regularization"] == pytest.approx(0.01 * mean)
    assert (given["unobserved"], given["seed"]) == (0.5, 5)
    content = packed(model)
    back = unpacked(content, sha256=checksum(content))
    history = history_of("a1")
    np.testing.assert_array_equal(back.score(history), model.score(history))  # type: ignore[attr-defined]


@pytest.mark.slow
def test_where_spark_is_it_gives_what_we_give(monkeypatch: pytest.MonkeyPatch) -> None:
    """On this machine, by two of its cores; Java is needed."""
    pytest.importorskip("pyspark")
    if shutil.which("java") is None:
        pytest.skip("There is no Java.")
    monkeypatch.setenv("SPARK_MASTER", "local[2]")
    wanted = history_of("a1", "a2")
    ours, theirs = (
        Ials(replace(FEW, factors=2, backend=backend)).fit(small_dataset(), Options())
        for backend in ("own", "spark")
    )
    assert theirs.items == ours.items
    assert np.corrcoef(ours.score(wanted), theirs.score(wanted))[0, 1] > 0.95


def test_where_both_are_the_library_gives_what_we_give() -> None:
    pytest.importorskip("implicit")
    dataset = small_dataset()
    wanted = history_of("a1", "a2")
    # The library warns of more threads than one.
    with one_thread():
        ours, theirs = (
            Ials(replace(FEW, factors=2, backend=backend)).fit(dataset, Options()).score(wanted)
            for backend in ("own", "implicit")
        )
    assert np.corrcoef(ours, theirs)[0, 1] > 0.95
