"""What a killed training had learned is not learned again."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from personalization.ml.artefact import packed
from personalization.ml.base import Options
from personalization.ml.models import ModelArtefact, ModelVersion
from personalization.ml.recommenders.ease import Ease
from personalization.ml.recommenders.stack import Stack
from personalization.ml.recommenders.stack_config import StackConfig
from personalization.ml.training import checkpoints
from personalization.ml.training.attempts import AGAIN, LEASE, request, take
from personalization.ml.training.checkpoints import Kept, name_of
from personalization.ml.training.train import train
from tests.ml.contract import small_dataset
from tests.ml.training.conftest import MINUTE, NOW
from tests.ml.training.counting import plan

pytestmark = pytest.mark.django_db
ENGINES: dict[str, Any] = {"popularity": {}, "ease": {}, "vstan": {}}


@pytest.fixture(autouse=True)
def _all_is_worth_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoints, "WORTH", 0.0)


@pytest.fixture
def version() -> ModelVersion:
    return request(plan(), now=NOW)


@pytest.fixture
def fits(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The lengths of the data that EASE was fitted to."""
    found: list[int] = []
    fit = Ease.fit

    def counted(self: Ease, dataset: Any, options: Any) -> Any:
        found.append(len(dataset.interactions))
        return fit(self, dataset, options)

    monkeypatch.setattr(Ease, "fit", counted)
    return found


class Killed(Exception):
    """The process is gone."""


def stack(version: ModelVersion, dataset: Any, *, die_at: str = "", seed: int = 0) -> Stack:
    def progress(share: float, words: str) -> None:
        if die_at and die_at in words and share > 0.5:
            raise Killed

    options = Options(seed=seed, progress=progress, checkpoints=Kept(version))
    return Stack(StackConfig(engines=ENGINES)).fit(dataset, options)


def test_a_stack_goes_on_after_the_engines_it_had_and_is_the_same(
    version: ModelVersion, fits: list[int]
) -> None:
    dataset = small_dataset()
    whole = packed(Stack(StackConfig(engines=ENGINES)).fit(dataset, Options()))
    all_fits = list(fits)
    fits.clear()
    with pytest.raises(Killed):
        stack(version, dataset, die_at="popularity")
    assert fits == all_fits
    again = stack(version, dataset)
    assert fits == all_fits, "what was learned is not learned again"
    assert packed(again) == whole


def test_other_data_another_seed_or_another_configuration_are_learned_anew(
    version: ModelVersion, fits: list[int]
) -> None:
    dataset = small_dataset()
    stack(version, dataset)
    n = len(fits)
    rows = dataset.interactions
    without_somebody = replace(dataset, interactions=rows.where(rows.visitor != rows.visitor[0]))
    stack(version, without_somebody)
    assert len(fits) == 2 * n
    stack(version, dataset, seed=1)
    assert len(fits) == 3 * n


def test_what_is_quick_to_learn_or_too_much_is_not_kept(
    version: ModelVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "WORTH", 60.0)
    stack(version, small_dataset())
    assert not ModelArtefact.objects.exists()
    monkeypatch.setattr(checkpoints, "WORTH", 0.0)
    monkeypatch.setattr(checkpoints, "MOST", 10)
    stack(version, small_dataset())
    assert not ModelArtefact.objects.exists()


@pytest.mark.parametrize("damage", [b"", b"no archive", b"PK\x05\x06" + b"\x00" * 18])
def test_what_was_kept_and_is_damaged_is_learned_anew(
    version: ModelVersion, fits: list[int], damage: bytes
) -> None:
    stack(version, small_dataset())
    n = len(fits)
    ModelArtefact.objects.update(content=damage)
    stack(version, small_dataset())
    assert len(fits) == 2 * n


def test_a_name_tells_apart_whatever_a_model_could_learn_from() -> None:
    dataset = small_dataset()
    rows = dataset.interactions
    other = replace(rows, amount=np.full(len(rows), 1.0, np.float32))
    names = {
        name_of(Ease(), dataset, seed=0),
        name_of(Ease(), dataset, seed=1),
        name_of(Ease(replace(Ease().config, regularization=7.0)), dataset, seed=0),
        name_of(Ease(), replace(dataset, until=dataset.until + 1), seed=0),
        name_of(Ease(), replace(dataset, interactions=other), seed=0),
        name_of(Ease(), replace(dataset, interactions=rows.where(rows.item > 0)), seed=0),
    }
    assert len(names) == 6
    assert name_of(Ease(), small_dataset(), seed=0) in names


def test_who_takes_a_training_over_learns_up_to_the_same_instant(version: ModelVersion) -> None:
    first = take(version, now=NOW)
    assert first is not None
    until = first.until(window=plan().window)
    assert until == NOW
    version.refresh_from_db()
    second = take(version, now=NOW + LEASE + MINUTE)
    assert second is not None
    assert second.until(window=plan().window) == until
    version.refresh_from_db()
    later = take(version, now=NOW + AGAIN + LEASE)
    assert later is not None
    assert later.until(window=plan().window) == NOW + AGAIN + LEASE


def test_in_the_end_the_artefact_stands_where_the_parts_were(version: ModelVersion) -> None:
    ModelArtefact.objects.create(version=version, content=b"parts")
    attempt = take(version, now=NOW)
    assert attempt is not None
    trained = train(attempt, plan())
    artefact = ModelArtefact.objects.get()
    assert (artefact.version, bytes(artefact.content) == b"parts") == (trained, False)


@pytest.mark.parametrize("ends", ["kept", "failed"])
def test_who_was_given_up_for_dead_writes_nothing_over_what_came_of_it(
    version: ModelVersion, ends: str
) -> None:
    """It may wake up in the middle of what it learns, and hears of its end only later."""
    given_up = Kept(version)
    attempt = take(version, now=NOW)
    assert attempt is not None
    if ends == "kept":
        train(attempt, plan(), mode="always")
    else:
        attempt.fail("It went wrong.")
    before = list(ModelArtefact.objects.values_list("content"))
    dataset = small_dataset()
    given_up.keep(Ease().fit(dataset, Options()), dataset, seed=0, seconds=60.0)
    assert list(ModelArtefact.objects.values_list("content")) == before


def test_of_a_training_that_failed_nothing_is_kept(
    version: ModelVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    ModelArtefact.objects.create(version=version, content=b"parts")
    attempt = take(version, now=NOW)
    assert attempt is not None
    attempt.fail("It went wrong.")
    assert not ModelArtefact.objects.exists()
