"""What versions chose when they were trained, read without their engines."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import pytest

from personalization.ml.artefact import packed, unpacked
from personalization.ml.base import Model, Options
from personalization.ml.examples import Examples
from personalization.ml.interactions import Dataset, interactions_of
from personalization.ml.models import ModelArtefact, ModelVersion
from personalization.ml.predictors.best import Best, BestConfig
from personalization.ml.recommenders.blend import LENGTHS
from personalization.ml.recommenders.stack import Stack, StackConfig
from personalization.ml.training import insides
from personalization.ml.training.insides import (
    BestInsides,
    NoInsides,
    StackInsides,
    has_insides,
    insides_of,
)

pytestmark = pytest.mark.django_db


def stored(model: Model[Any], *, name: str) -> ModelVersion:
    content = packed(model)
    version = ModelVersion.objects.create(
        name=name, number=1, algorithm=model.algorithm, status=ModelVersion.Status.SERVING,
        checksum=hashlib.sha256(content).hexdigest(),
    )  # fmt: skip
    ModelArtefact.objects.create(version=version, content=content)
    return version


def walks(n: int) -> Dataset:
    """Visitors who go from each item to the next one of ten, round and round."""
    rows = [
        (f"v{visitor}", 60 * (100 * step + visitor), f"i{(visitor + step) % 10}", "Product Viewed",
         float("nan"), visitor)
        for visitor in range(n)
        for step in range(6)
    ]  # fmt: skip
    rows.sort(key=lambda row: row[1])
    numbered = [(int(row[0][1:]), *row[1:]) for row in rows]
    return Dataset(interactions=interactions_of(numbered), until=60 * 100 * 10)


def stack(n: int = 60, **config: Any) -> Stack:
    engines: dict[str, Any] = {"popularity": {}, "markov": {}, "rp3beta": {}}
    return Stack(StackConfig(engines=engines, **config)).fit(walks(n), Options())


@pytest.fixture(scope="module")
def judged() -> Stack:
    """A stack whose weights the data chose."""
    return stack()


@pytest.fixture(scope="module")
def shipped() -> Stack:
    """A stack whose weights are as shipped."""
    return stack(questions=0)


def examples(n: int = 800) -> Examples:
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(n, 2))
    labels = (rows[:, 0] + rng.normal(size=n) > 0).astype(np.float64)
    return Examples(
        rows=rows,
        labels=labels,
        features=("told", "noise"),
        at=np.arange(n, dtype=np.int64),
        visitor=np.arange(n),
        horizon=0,
    )


# -- stacks --------------------------------------------------------------------------------


def test_each_engine_has_its_share_for_each_length_and_its_validation(judged: Stack) -> None:
    model = judged
    found = insides_of(stored(model, name="recommend"))
    assert isinstance(found, StackInsides)
    assert tuple(found.lengths) == LENGTHS
    assert {each.name for each in found.engines} == set(model.validation) - {"stack", "questions"}
    assert found.together == model.validation["stack"]
    assert found.popularity == model.validation["popularity"]
    assert found.questions == model.validation["questions"] > 0
    for each in found.engines:
        assert each.ndcg == model.validation[each.name]
        if each.name in model.weights:
            assert len(each.shares) == len(LENGTHS)
        else:
            assert (tuple(each.shares), each.config) == ((), {})


def test_shares_are_those_of_the_weights_and_add_up(judged: Stack) -> None:
    model = judged
    found = insides_of(stored(model, name="recommend"))
    assert isinstance(found, StackInsides)
    used = [each for each in found.engines if each.shares]
    for place in range(len(LENGTHS)):
        assert sum(each.shares[place] for each in used) == pytest.approx(1)
        total = sum(weights[place] for weights in model.weights.values())
        for each in used:
            assert each.shares[place] == pytest.approx(model.weights[each.name][place] / total)


def test_the_best_alone_comes_first_and_its_whole_configuration_along(judged: Stack) -> None:
    found = insides_of(stored(judged, name="recommend"))
    assert isinstance(found, StackInsides)
    values = [each.ndcg or 0.0 for each in found.engines]
    assert values == sorted(values, reverse=True)
    popularity = next(each for each in found.engines if each.name == "popularity")
    assert popularity.config  # as it was used: not the empty one that was stated


def test_weights_as_shipped_were_not_judged(shipped: Stack) -> None:
    found = insides_of(stored(shipped, name="recommend"))
    assert isinstance(found, StackInsides)
    assert (found.together, found.popularity, found.questions) == (None, None, 0)
    assert {each.ndcg for each in found.engines} == {None}
    assert all(each.shares for each in found.engines)


def test_what_is_read_is_what_the_model_itself_says_after_it_was_kept(judged: Stack) -> None:
    version = stored(judged, name="recommend")
    content = bytes(ModelArtefact.objects.get().content)
    model = unpacked(content, sha256=version.checksum)
    found = insides_of(version)
    assert isinstance(model, Stack)
    assert isinstance(found, StackInsides)
    assert {each.name for each in found.engines if each.shares} == set(model.weights)


# -- predictors ----------------------------------------------------------------------------


def test_the_algorithm_its_rivals_and_the_calibration_are_told() -> None:
    model = Best(BestConfig(candidates="logistic")).fit(examples(), Options())
    found = insides_of(stored(model, name="churn"))
    assert isinstance(found, BestInsides)
    assert found.algorithm == "logistic"
    assert found.config == model.model.config.written()
    assert found.calibration == model.calibration.kind
    assert [each.algorithm for each in found.tried] == ["logistic"]
    assert 0 < found.tried[0].loss < np.log(2)


def test_what_did_best_comes_first() -> None:
    model = Best(BestConfig(candidates="logistic", search="grid", folds=1)).fit(
        examples(), Options()
    )
    found = insides_of(stored(model, name="churn"))
    assert isinstance(found, BestInsides)
    losses = [each.loss for each in found.tried]
    assert len(losses) == len(model.trials) > 1
    assert losses == sorted(losses)
    assert found.tried[0].config.items() <= found.config.items()


# -- nothing to tell -----------------------------------------------------------------------


@pytest.mark.parametrize("other", [{"algorithm": "personas"}, {"checksum": ""}])
def test_what_chooses_nothing_or_was_never_made_has_none(
    shipped: Stack, other: dict[str, str]
) -> None:
    version = stored(shipped, name="recommend")
    ModelVersion.objects.update(**other)
    version.refresh_from_db()
    assert not has_insides(version)
    with pytest.raises(NoInsides):
        insides_of(version)


def test_an_artefact_that_is_gone_or_damaged_is_told(shipped: Stack) -> None:
    version = stored(shipped, name="recommend")
    ModelVersion.objects.update(checksum="0" * 64)
    version.refresh_from_db()
    with pytest.raises(NoInsides, match="has the checksum"):
        insides_of(version)
    ModelArtefact.objects.all().delete()
    with pytest.raises(NoInsides, match="recommend 1 is not kept any more"):
        insides_of(version)


def test_without_the_extra_it_says_what_to_install(
    shipped: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(path: str) -> Any:
        raise ImportError(f"No module named {path!r}")

    version = stored(shipped, name="recommend")
    monkeypatch.setattr(insides, "import_string", missing)
    with pytest.raises(NoInsides, match=r"pip install personalization\[ml\]"):
        insides_of(version)
