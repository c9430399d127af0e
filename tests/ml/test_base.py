"""What every model keeps to: what it may be told, and the name that it is found by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, make_dataclass
from typing import Any, ClassVar

import numpy as np
import pytest

from personalization.ml.base import Config, InvalidConfig, Options, Recommender, _Algorithms
from personalization.ml.known import algorithms
from personalization.registry import AlreadyRegistered
from personalization.types import JsonObject


@dataclass(frozen=True, kw_only=True)
class Made(Config):
    factors: int = 8
    share: float = 0.5
    order: str = "most"
    name: str = ""
    fresh: bool = True
    #: Neither has bounds.
    least: int = 0
    weight: float = 1.0
    inner: JsonObject = field(default_factory=dict)

    bounds: ClassVar[Mapping[str, tuple[float, float]]] = {"factors": (1, 100), "share": (0, 1)}
    choices: ClassVar[Mapping[str, tuple[str, ...]]] = {"order": ("most", "rising")}


def test_what_is_not_said_is_as_shipped() -> None:
    assert Made.read({}) == Made()
    assert Made.read({"factors": 9}) == Made(factors=9)


def test_what_is_written_is_read_again() -> None:
    config = Made(factors=100, share=0, order="rising", name="x", fresh=False, inner={"k": 3})
    assert Made.read(config.written()) == config


@pytest.mark.parametrize("field", [{"factors": 1}, {"factors": 100}, {"share": 0}, {"share": 1}])
def test_both_ends_are_allowed(field: dict[str, Any]) -> None:
    assert Made.read(field).written().items() >= field.items()


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"factors": 0}, "“factors” is 0; allowed: 1 to 100."),
        ({"factors": 101}, "“factors” is 101; allowed: 1 to 100."),
        ({"factors": 8.5}, "“factors” is 8.5; allowed: whole numbers."),
        ({"factors": "8"}, "“factors” is '8'; allowed: 1 to 100."),
        ({"factors": None}, "“factors” is None; allowed: 1 to 100."),
        ({"share": float("nan")}, "“share” is nan; allowed: 0 to 1."),
        ({"share": float("inf")}, "“share” is inf; allowed: 0 to 1."),
        ({"share": [0.5]}, "“share” is [0.5]; allowed: 0 to 1."),
        ({"order": "least"}, "“order” is 'least'; allowed: most, rising."),
        ({"order": ["most"]}, "“order” is ['most']; allowed: most, rising."),
        ({"factors": True}, "“factors” is True; allowed: whole numbers."),
        ({"share": True}, "“share” is True; allowed: numbers."),
        ({"name": 5}, "“name” is 5; allowed: a text."),
        ({"name": None}, "“name” is None; allowed: a text."),
        ({"fresh": 1}, "“fresh” is 1; allowed: true or false."),
        ({"fresh": "no"}, "“fresh” is 'no'; allowed: true or false."),
        ({"least": 0.5}, "“least” is 0.5; allowed: whole numbers."),
        ({"least": False}, "“least” is False; allowed: whole numbers."),
        ({"weight": "1"}, "“weight” is '1'; allowed: numbers."),
        ({"inner": ["k"]}, "“inner” is ['k']; allowed: an object."),
        (
            {"factor": 8},
            "There is no “factor” here; allowed: factors, fresh, inner, least, name, order, share, "
            "weight.",
        ),
    ],
)
def test_what_it_cannot_be_told_is_named_with_what_it_can(
    values: dict[str, Any], said: str
) -> None:
    with pytest.raises(InvalidConfig) as error:
        Made.read(values)
    assert str(error.value) == said


def test_a_whole_number_is_a_number() -> None:
    assert Made(weight=3, share=1) == Made(weight=3.0, share=1.0)


def test_a_field_annotated_with_the_type_itself_is_checked_as_by_its_name() -> None:
    own = make_dataclass("Own", [("n", int, 1)], bases=(Config,), frozen=True, kw_only=True)
    with pytest.raises(InvalidConfig, match="“n” is True; allowed: whole numbers"):
        own(n=True)


@pytest.mark.parametrize(
    ("algorithm", "values", "said"),
    [
        ("content", {"embedding": 5}, "“embedding” is 5; allowed: a text."),
        ("ease", {"max_items": True}, "“max_items” is True; allowed: whole numbers."),
        ("item_knn", {"rare_first": "yes"}, "“rare_first” is 'yes'; allowed: true or false."),
        ("personas", {"settings": 3}, "“settings” is 3; allowed: an object."),
        ("personas", {"features": "visits"}, "“features” is 'visits'; allowed: a list of texts."),
        ("personas", {"features": [1]}, "“features” is [1]; allowed: a list of texts."),
        ("personas", {"features": 1}, "“features” is 1; allowed: a list of texts."),
    ],
)
def test_what_is_shipped_refuses_values_of_another_type(
    algorithm: str, values: dict[str, Any], said: str
) -> None:
    kind = algorithms.get(algorithm)
    assert kind is not None
    with pytest.raises(InvalidConfig) as error:
        kind.config_class.read(values)
    assert str(error.value) == said


def test_of_several_fields_that_there_are_not_the_first_by_name_is_named() -> None:
    with pytest.raises(InvalidConfig, match="There is no “a” here; allowed: none"):
        Config.read({"b": 1, "a": 1})


def test_the_same_seed_draws_the_same_and_another_draws_something_else() -> None:
    one, same, other = (Options(seed=seed).rng().random(5).tolist() for seed in (1, 1, 2))
    assert one == same
    assert one != other


def test_each_who_asks_draws_from_the_beginning() -> None:
    options = Options(seed=3)
    first = options.rng().random()
    assert options.rng().random() == first


def test_progress_may_be_told_to_nobody() -> None:
    Options().progress(0.5, "learning")


class Silent(Recommender[Made]):
    config_class = Made

    def fit(self, dataset: Any, options: Options) -> Silent:
        return self

    def score(self, history: Any) -> Any:
        return np.zeros(0, np.float32)

    def arrays(self) -> dict[str, Any]:
        return {}

    def restore(self, arrays: Any, facts: Any) -> None:
        pass


def test_a_model_knows_the_name_that_it_is_found_by() -> None:
    own = _Algorithms("algorithm")
    made = own.register("silent")(Silent)
    assert made is Silent
    assert (Silent.algorithm, own.get("silent"), own.names()) == ("silent", Silent, ("silent",))


def test_a_name_is_not_given_twice() -> None:
    own = _Algorithms("algorithm")
    own.register("silent")(Silent)
    with pytest.raises(AlreadyRegistered, match="Two algorithms are called “silent”"):
        own.register("silent")(type("Other", (Silent,), {}))


def test_a_model_without_configuration_has_the_one_of_its_class() -> None:
    assert Silent().config == Made()
    assert Silent(Made(factors=3)).config.factors == 3
    assert Silent().facts() == {}


def test_all_that_is_shipped_is_there_by_its_own_name() -> None:
    shipped = (
        "popularity", "item_knn", "user_knn", "ease", "rp3beta", "ials", "svd", "content",
        "markov", "vstan", "stack", "logistic", "forest", "boosting", "kmeans",
        "minibatch_kmeans", "hierarchical", "dbscan", "hdbscan", "gmm", "pca",
    )  # fmt: skip
    assert set(shipped) <= set(algorithms.names())
    for name in shipped:
        kind = algorithms.get(name)
        assert kind is not None
        assert kind.algorithm == name
        kind.config_class()  # as shipped, it is allowed
