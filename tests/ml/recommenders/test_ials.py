"""Factors solve what they say they solve, and whoever just came gets some."""

from __future__ import annotations

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
from personalization.ml.recommenders.kept_back import KeptBack
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


def normal_equations(model: Ials, gram: Any, history: History) -> Any:
    """Return the scores of the factors with the least loss, by the equations written down."""
    weights: dict[int, float] = {}
    for step in history.steps:
        at = model.items.index(step.item)
        weights[at] = weights.get(at, 0.0) + model.config.weights.get(step.kind, 1.0)
    arrays = model.arrays()
    factors, worth = arrays["factors"].astype(np.float64), arrays["worth"]
    near, sure = factors[[*weights]], np.array([*weights.values()])
    base, each = model._penalty
    left = gram + (near.T * sure) @ near + (base + each * len(near)) * np.eye(factors.shape[1])
    return worth * (factors @ np.linalg.solve(left, near.T @ (sure + model._lift)))


def unturned(model: Ials, *, seed: int = 0) -> tuple[Ials, Any]:
    """Return the model with factors in some other direction, as an earlier version kept it, and
    what is sure of what nobody did of each two of them."""
    arrays = model.arrays()
    n = arrays["factors"].shape[1]
    turn, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(n, n)))
    factors = (arrays["factors"] @ turn).astype(np.float32)
    gram = (turn.T @ arrays["gram"] @ turn).astype(np.float32)
    old = Ials(model.config)
    old.restore({**arrays, "factors": factors, "gram": gram}, model.facts())
    return old, gram


#: Histories of fewer items than there are factors, of as many, and of more.
HISTORIES = [
    history_of(*[f"{kind}{n}" for n in range(8) for kind in "ab"][:n]) for n in (1, 2, 7, 8, 9, 16)
]


@pytest.mark.parametrize("history", HISTORIES, ids=lambda history: len(history.steps))
@pytest.mark.parametrize("lift", [0.0, 0.5])
@pytest.mark.parametrize("penalty", [(0.2, 0.01), (0.0, 0.05), (3.0, 0.0)])
def test_a_visitor_has_the_factors_with_the_least_loss(
    history: History, lift: float, penalty: tuple[float, float]
) -> None:
    """However few or many items the history has, and by whichever backend it was learned."""
    model = Ials(FEW).fit(small_dataset(), Options())
    model._lift, model._penalty = lift, penalty
    expected = normal_equations(model, model.arrays()["gram"], history)
    np.testing.assert_allclose(model.score(history), expected, atol=1e-5)


def test_what_weighs_more_pulls_factors_as_the_equations_say() -> None:
    model = Ials(weighing(Bought=7.0, Looked=0.25)).fit(small_dataset(), Options())
    kinds = ("Bought", "Looked", "Looked", "Else", "Bought")
    steps = [Step(item=f"a{n % 3}", at=0, kind=kind) for n, kind in enumerate(kinds)]
    history = History(steps=tuple(steps))
    expected = normal_equations(model, model.arrays()["gram"], history)
    np.testing.assert_allclose(model.score(history), expected, atol=1e-5)


def test_what_nobody_did_has_no_say_of_two_factors_together() -> None:
    arrays = Ials(FEW).fit(small_dataset(), Options()).arrays()
    values = np.diagonal(arrays["gram"])
    assert arrays["gram"].shape == (8, 8)
    np.testing.assert_array_equal(arrays["gram"], np.diag(values))
    assert (values >= 0).all()
    products = arrays["factors"].T @ arrays["factors"]
    unobserved = values.sum() / np.trace(products)
    np.testing.assert_allclose(unobserved * products, arrays["gram"], atol=1e-5 * values.max())


@pytest.mark.parametrize("factors", [8, 40])
def test_what_an_earlier_version_kept_scores_the_same(factors: int) -> None:
    model = Ials(replace(FEW, factors=factors)).fit(small_dataset(), Options())
    old, gram = unturned(model)
    assert np.abs(gram - np.diag(np.diagonal(gram))).max() > 0.01
    for history in HISTORIES:
        np.testing.assert_allclose(old.score(history), model.score(history), atol=1e-5)
    again = unpacked(packed(old), sha256=checksum(packed(old)))
    assert packed(again) == packed(old), "it is turned once"


def bought_and_looked_at() -> Dataset:
    """80 visitors, each of 3 of 6 items; of the first three, b0 is bought and the others are not,
    and so it is of b3."""
    rng = np.random.default_rng(6)
    rows = [
        (n, n, f"b{item}", "Order Completed" if item in (0, 3) else "Product Viewed", 0.0, n)
        for n in range(80)
        for item in rng.choice(6, size=3, replace=False)
    ]
    return Dataset(interactions=interactions_of(rows), until=99)


def test_of_items_that_are_as_likely_what_is_bought_scores_more() -> None:
    model = Ials(FEW).fit(bought_and_looked_at(), Options())
    worth = dict(zip(model.items, model.arrays()["worth"].tolist(), strict=True))
    assert min(worth["b0"], worth["b3"]) > 1 > max(worth[f"b{n}"] for n in (1, 2, 4, 5))
    same = Ials(replace(FEW, weights={})).fit(bought_and_looked_at(), Options())
    np.testing.assert_array_equal(same.arrays()["worth"], np.ones(6, np.float32))
    history = history_of("b1")
    expected = normal_equations(model, model.arrays()["gram"], history)
    np.testing.assert_allclose(model.score(history), expected, atol=1e-5)


def test_a_model_that_was_kept_without_worth_says_what_it_said() -> None:
    model = Ials(FEW).fit(bought_and_looked_at(), Options())
    arrays = {**model.arrays()}
    worth = arrays.pop("worth")
    old = Ials(FEW)
    old.restore(arrays, model.facts())
    history = history_of("b1", "b3")
    np.testing.assert_allclose(old.score(history) * worth, model.score(history), rtol=1e-6)


def test_the_fewer_pairs_there_are_the_less_sure_is_what_nobody_did() -> None:
    """40 visitors of 2 of 40 items each, beside 10 × the share of pairs given in words."""
    rows = [(n, n, f"i{(n + k) % 40}", "k", 0.0, n) for n in range(40) for k in (0, 1)]
    dataset = Dataset(interactions=interactions_of(rows), until=99)
    by_itself = Ials(FEW).fit(dataset, Options())
    given = Ials(replace(FEW, unobserved=10 * 2 / 40)).fit(dataset, Options())
    for name, array in by_itself.arrays().items():
        np.testing.assert_array_equal(array, given.arrays()[name])


def in_groups(visitors: int = 120) -> Dataset:
    """Visitors of 8 of the 12 items of one of five groups each."""
    rng = np.random.default_rng(4)
    rows = [
        (n, n, f"{n % 5}-{item}", "k", 0.0, n)
        for n in range(visitors)
        for item in rng.choice(12, size=8, replace=False)
    ]
    return Dataset(interactions=interactions_of(rows), until=10**6)


def factors_of(model: Ials) -> int:
    return int(model.arrays()["factors"].shape[1])


def finding(monkeypatch: pytest.MonkeyPatch, **by_factors: float) -> list[int]:
    """Let models find so much of what is kept back; return how many factors were tried."""
    tried: list[int] = []

    def found(part: KeptBack, scores: Any) -> float:
        tried.append(factors_of(scores.__self__))
        return by_factors[f"of_{tried[-1]}"]

    monkeypatch.setattr(KeptBack, "found", found)
    return tried


BY_ITSELF = IalsConfig(backend="own", iterations=1)


@pytest.mark.parametrize(("more", "chosen"), [(0.19, 64), (0.2, 64), (0.209, 64), (0.22, 128)])
def test_more_factors_are_learned_where_they_find_clearly_more(
    monkeypatch: pytest.MonkeyPatch, more: float, chosen: int
) -> None:
    tried = finding(monkeypatch, of_64=0.2, of_128=more)
    assert factors_of(Ials(BY_ITSELF).fit(in_groups(), Options())) == chosen
    assert tried == [64, 128]


def test_the_trial_leaves_no_trace_in_what_is_learned() -> None:
    by_itself = Ials(BY_ITSELF).fit(in_groups(), Options(seed=3))
    said = Ials(replace(BY_ITSELF, factors=factors_of(by_itself))).fit(in_groups(), Options(seed=3))
    for name, array in said.arrays().items():
        np.testing.assert_array_equal(by_itself.arrays()[name], array)


@pytest.mark.parametrize(
    ("config", "dataset"),
    [
        pytest.param(replace(BY_ITSELF, factors=8), in_groups(), id="it is said"),
        pytest.param(BY_ITSELF, in_groups(visitors=90), id="few visitors can be asked about"),
    ],
)
def test_nothing_is_tried_where(
    monkeypatch: pytest.MonkeyPatch, config: IalsConfig, dataset: Dataset
) -> None:
    tried = finding(monkeypatch)
    assert factors_of(Ials(config).fit(dataset, Options())) == (config.factors or 64)
    assert tried == []


def test_nothing_is_tried_where_that_takes_long(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = finding(monkeypatch)
    monkeypatch.setattr("personalization.ml.recommenders.ials._TRIED_UP_TO", 120 * 8 - 1)
    told: list[float] = []
    options = Options(progress=lambda share, words: told.append(share))
    assert factors_of(Ials(BY_ITSELF).fit(in_groups(), options)) == 64
    assert (tried, told) == ([], [0.0])


def test_nothing_is_tried_by_spark(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[int] = []

    def item_factors(matrix: Any, *, factors: int, **said: Any) -> Any:
        given.append(factors)
        return np.zeros((len(matrix.items), factors), np.float32)

    monkeypatch.setattr("personalization.ml.recommenders.ials.find_spec", lambda name: name)
    monkeypatch.setattr("personalization.ml.recommenders.ials.item_factors", item_factors)
    tried = finding(monkeypatch)
    Ials(IalsConfig(backend="spark")).fit(in_groups(), Options())
    assert (tried, given) == ([], [64])


@pytest.mark.usefixtures("with_library")
def test_the_library_learns_as_many_as_were_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = finding(monkeypatch, of_64=0.1, of_128=0.2)
    assert factors_of(Ials().fit(in_groups(), Options())) == 128
    assert tried == [64, 128]


def test_what_is_tried_is_seen_and_can_be_stopped() -> None:
    told: list[float] = []
    Ials(BY_ITSELF).fit(in_groups(), Options(progress=lambda share, words: told.append(share)))
    assert told == sorted(told)
    assert [share < 0.5 for share in told] == [True, True, False]

    def stop(share: float, words: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Ials(BY_ITSELF).fit(in_groups(), Options(progress=stop))


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
@pytest.mark.spark
def test_where_spark_is_it_gives_what_we_give(monkeypatch: pytest.MonkeyPatch) -> None:
    """On this machine, by two of its cores."""
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
