"""Who was erased is in no model for long, and a model that is old says so."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from personalization import hints
from personalization.ml.models import ModelArtefact, ModelVersion
from personalization.ml.training.attempts import request
from personalization.ml.training.outdated import (
    mark_missed,
    mark_outdated,
    stale,
    stale_models,
)
from personalization.ml.training.train import train_models
from personalization.ml.training.versions import needed, serving
from personalization.ml.training.watching import check_models
from personalization.privacy.erasure import request as asking
from personalization.privacy.erasure.finish import erase
from personalization.privacy.subjects import person_of
from personalization.profiles.identity import Key
from personalization.profiles.models import Profile
from personalization.profiles.stores import Subject
from personalization.signals import profile_erased
from tests.factories import make_profile
from tests.ml.training.conftest import DAY, HOUR, MINUTE, NOW, SECOND
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
    assert mark_outdated(at=NOW + 3 * DAY) == 3
    trained(now=NOW + 4 * DAY, mode="never")
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


def test_of_what_was_learned_of_the_erased_and_serves_nobody_nothing_is_kept(
    trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What serves and the one before it go when others have taken their places."""
    trained(now=NOW)
    trained(now=NOW + HOUR)
    refused = trained(now=NOW + 2 * HOUR, mode="never")
    other = trained(plan("other"), now=NOW + 2 * HOUR, mode="never")
    compared = trained(plan("compared"), now=NOW + 2 * HOUR, mode="never")
    monkeypatch.setitem(
        needed._entries, "comparison", lambda name: [1] if name == "compared" else []
    )
    mark_outdated(at=NOW + DAY)
    kept = set(ModelArtefact.objects.values_list("version", flat=True))
    assert not {refused.pk, other.pk} & kept
    assert compared.pk in kept
    assert ModelArtefact.objects.filter(version__name=NAME).count() == 2
    assert ModelVersion.objects.count() == 5


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


@pytest.mark.django_db(transaction=True)
def test_what_is_begun_while_an_erasure_waits_has_read_the_erased_too(
    trained: Trained, make_profile: Callable[..., Profile], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A short window may begin after the request, and the events of it are there all the same."""
    waits = asking._hold

    def meanwhile(subject: Subject) -> frozenset[int]:
        trained(plan("short", window=MINUTE), now=NOW + HOUR)
        request(plan(), now=NOW + HOUR)
        return waits(subject)

    monkeypatch.setattr(asking, "_hold", meanwhile)
    make_profile(identity="ada")
    asking.request_erasure(person_of([Key("anonymous", "ada")]), channel="operator", now=NOW)
    assert not ModelVersion.objects.filter(outdated_since=None).exists()
    assert set(ModelVersion.objects.values_list("name", "status")) == {
        ("short", Status.SERVING),
        (NAME, Status.TRAINING),
    }
    trained(plan("later"), now=NOW + HOUR)
    assert ModelVersion.objects.get(outdated_since=None).name == "later"


@pytest.mark.django_db(transaction=True)
def test_what_a_process_left_that_ended_after_the_commit_is_marked_by_the_daily_look(
    trained: Trained, make_profile: Callable[..., Profile], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert mark_missed() == 0
    trained(now=NOW - DAY)
    trained(plan(config={"power": 99}), now=NOW - DAY)
    make_profile(identity="ada")
    with monkeypatch.context() as killed:
        killed.setattr(profile_erased, "send_robust", lambda **told: None)
        erase(person_of([Key("anonymous", "ada")]), channel="operator", now=NOW)
    trained(plan("later"), now=NOW + HOUR)
    assert not ModelVersion.objects.exclude(outdated_since=None).exists()
    check_models(now=NOW + DAY)
    marked = ModelVersion.objects.exclude(outdated_since=None).get()
    assert (marked.status, marked.outdated_since) == (Status.SERVING, NOW)
    assert mark_missed() == 0


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
