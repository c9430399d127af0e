"""Who was erased is in no model for long, and a model that is old says so."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from personalization import hints
from personalization.ml.models import ModelVersion
from personalization.ml.training.outdated import mark_outdated, stale, stale_models
from personalization.ml.training.train import train_models
from personalization.ml.training.versions import serving
from personalization.privacy.erasure.finish import erase
from personalization.privacy.subjects import person_of
from personalization.profiles.identity import Key
from personalization.profiles.models import Profile
from tests.factories import make_profile
from tests.ml.training.conftest import DAY, HOUR, NOW, SECOND
from tests.ml.training.counting import NAME, Kitchen, plan

__all__ = ["make_profile"]

pytestmark = pytest.mark.django_db
Status = ModelVersion.Status
Shop = Callable[..., None]
Trained = Callable[..., ModelVersion]


def outdated() -> dict[int, bool]:
    found = ModelVersion.objects.order_by("number").values_list("number", "outdated_since")
    return {number: since is not None for number, since in found}


def test_what_was_learned_before_the_erasure_is_outdated_since_then(trained: Trained) -> None:
    trained(now=NOW)
    trained(now=NOW + DAY)
    trained(now=NOW + 2 * DAY, mode="never")
    trained(now=NOW + 4 * DAY, mode="never")
    assert mark_outdated(at=NOW + 3 * DAY) == 3
    assert outdated() == {1: True, 2: True, 3: True, 4: False}
    assert ModelVersion.objects.get(number=1).outdated_since == NOW + 3 * DAY


def test_the_first_erasure_counts(trained: Trained) -> None:
    trained(now=NOW)
    assert mark_outdated(at=NOW + HOUR) == 1
    assert mark_outdated(at=NOW + DAY) == 0
    assert ModelVersion.objects.get().outdated_since == NOW + HOUR


def test_failed_ones_have_learned_nothing(trained: Trained) -> None:
    trained(plan(config={"power": 99}))
    assert mark_outdated(at=NOW + HOUR) == 0


def test_a_training_at_work_has_read_the_erased_too(kitchen: Kitchen, trained: Trained) -> None:
    kitchen.meanwhile = lambda order: bool(mark_outdated(at=NOW + SECOND))
    version = trained()
    assert version.status == Status.SERVING
    assert version.outdated_since == NOW + SECOND


@pytest.mark.django_db(transaction=True)
def test_an_erasure_marks_them_and_wakes_a_worker(
    trained: Trained, make_profile: Callable[..., Profile], monkeypatch: pytest.MonkeyPatch
) -> None:
    hinted: list[str] = []
    monkeypatch.setattr(hints, "_publish", hinted.append)
    monkeypatch.setattr(hints, "_sent", hints._Sent())
    trained(now=NOW - DAY)
    make_profile(identity="ada")
    erase(person_of([Key("anonymous", "ada")]), channel="operator", now=NOW)
    assert not Profile.objects.exists()
    assert outdated() == {1: True}
    assert hints.TRAIN_MODELS in hinted


def test_the_sweep_trains_them_anew(shop: Shop, trained: Trained) -> None:
    trained(now=NOW)
    mark_outdated(at=NOW + HOUR)
    assert train_models(now=NOW + 2 * HOUR) == 1
    version = serving(NAME)
    assert version is not None
    assert (version.number, version.outdated_since) == (2, None)
    assert train_models(now=NOW + 4 * HOUR) == 0


# -- age -----------------------------------------------------------------------------------


def test_what_serves_is_stale_after_twice_its_period(shop: Shop, trained: Trained) -> None:
    version = trained(now=NOW)
    assert stale_models(now=NOW + 2 * DAY) == []
    (found,) = stale_models(now=NOW + 2 * DAY + HOUR)
    assert found.version == version
    assert str(found) == (
        f"“{NAME}” serves version 1, which was begun 49 hours ago; a new one was due within "
        "48 hours."
    )


def test_a_newer_one_that_does_not_serve_makes_it_no_younger(shop: Shop, trained: Trained) -> None:
    trained(now=NOW)
    trained(now=NOW + 9 * DAY, mode="never")
    (found,) = stale_models(now=NOW + 9 * DAY + HOUR)
    assert found.version.number == 1
    assert "9 days ago" in str(found)


def test_only_what_serves_by_a_plan_can_be_stale(shop: Shop, trained: Trained) -> None:
    version = trained(mode="never")
    assert stale(version, plan(), now=NOW + 99 * DAY) is None
    serving_one = trained()
    assert stale(serving_one, None, now=NOW + 99 * DAY) is None
    assert stale(serving_one, plan(), now=NOW + 99 * DAY) is not None
