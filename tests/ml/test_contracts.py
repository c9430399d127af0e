"""Every algorithm that is registered keeps to the shared contract: some test class says so."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from personalization.ml.base import Clusterer, Model, Options, Predictor, Recommender
from personalization.ml.known import algorithms
from personalization.ml.recommenders.ease import Ease
from personalization.ml.recommenders.popularity import Popularity
from tests.ml.clusters.contract import ClustererContract
from tests.ml.contract import ModelContract, RecommenderContract, small_dataset
from tests.ml.predictors.test_predictors import PredictorContract

HERE = Path(__file__).parent
#: What kind a model is → the contract of its kind; others keep to that of all models.
CONTRACTS: Mapping[type[Model[Any]], type[ModelContract]] = {
    Recommender: RecommenderContract,
    Predictor: PredictorContract,
    Clusterer: ClustererContract,
    Model: ModelContract,
}


def contract_of(kind: type[Model[Any]]) -> type[ModelContract]:
    return next(contract for base, contract in CONTRACTS.items() if issubclass(kind, base))


def subject(test: type[ModelContract]) -> type[Model[Any]]:
    """Return the class of the model that a test class is about."""
    made = getattr(test(), "made", None)
    return type(made() if made is not None else test().fitted())


def untested(
    kinds: Mapping[str, type[Model[Any]]], tests: Iterable[type[ModelContract]]
) -> list[str]:
    """Return the names of those that no test class of the contract of their kind is about."""
    about = [(subject(test), test) for test in tests]
    return sorted(
        name
        for name, kind in kinds.items()
        if not any(one is kind and issubclass(test, contract_of(kind)) for one, test in about)
    )


def shipped() -> dict[str, type[Model[Any]]]:
    """Return what is registered, without what tests register for themselves."""
    return {
        name: kind
        for name, kind in algorithms.items()
        if kind.__module__.partition(".")[0] == "personalization"
    }


@cache
def contract_tests() -> tuple[type[ModelContract], ...]:
    """Return the test classes of contracts that pytest collects below this folder."""
    for path in sorted(HERE.rglob("test_*.py")):
        if "Contract)" in path.read_text(encoding="utf-8"):
            importlib.import_module(".".join(("tests.ml", *path.relative_to(HERE).parts))[:-3])
    return tuple(test for test in _below(ModelContract) if _is_collected(test))


def _below(kind: type[ModelContract]) -> Iterator[type[ModelContract]]:
    for one in kind.__subclasses__():
        yield one
        yield from _below(one)


def _is_collected(test: type[ModelContract]) -> bool:
    module = test.__module__
    return (
        module.startswith("tests.ml.")
        and module.rpartition(".")[2].startswith("test_")
        and test.__name__.startswith("Test")
    )


def test_every_algorithm_is_held_to_the_contract_of_its_kind() -> None:
    assert untested(shipped(), contract_tests()) == []


def test_all_kinds_of_models_are_among_them() -> None:
    found = {contract_of(kind) for kind in shipped().values()}
    assert found == set(CONTRACTS.values())


class OfPopularity(RecommenderContract):
    """Not collected, by its name: for the tests below."""

    def made(self) -> Recommender[Any]:
        return Popularity()


class OfTheWrongKind(ModelContract):
    """Ease is more than any model: the contract of recommenders is needed."""

    def fitted(self, *, seed: int = 0) -> Model[Any]:
        return Ease().fit(small_dataset(), Options(seed=seed))

    def answers(self, model: Model[Any]) -> Any:
        return model.arrays()["weights"]


@pytest.mark.parametrize(
    ("tests_there", "missing"),
    [
        ([], ["ease", "popularity"]),
        ([OfPopularity], ["ease"]),
        ([OfPopularity, OfTheWrongKind], ["ease"]),
    ],
)
def test_one_without_a_contract_is_named(
    tests_there: list[type[ModelContract]], missing: list[str]
) -> None:
    assert untested({"popularity": Popularity, "ease": Ease}, tests_there) == missing


def test_a_class_that_inherits_from_a_tested_one_is_not_tested_by_it() -> None:
    derived = type("Derived", (Popularity,), {})
    assert untested({"derived": derived}, [OfPopularity]) == ["derived"]
