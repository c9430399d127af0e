"""Whoever asks, takes or promotes at the same time: one training, one worker, one that serves."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import pytest
from django.db import connection

from personalization.ml.models import ModelArtefact, ModelVersion
from personalization.ml.training.attempts import request, take
from personalization.ml.training.outdated import mark_outdated
from personalization.ml.training.train import train_models
from personalization.ml.training.versions import (
    NotPromotable,
    ServesNoMore,
    needed,
    promote,
    roll_back,
)
from tests.ml.training.conftest import DAY, NOW
from tests.ml.training.counting import plan

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]

Status = ModelVersion.Status


def at_once(*calls: Callable[[], object]) -> list[object]:
    """Call them all in threads that begin together; return what they return."""
    ready, found, errors = threading.Barrier(len(calls)), [], []

    def run(call: Callable[[], object]) -> None:
        try:
            connection.ensure_connection()
            ready.wait()
            found.append(call())
        except BaseException as error:  # noqa: BLE001  # told below
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=[call]) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    return found


def copies(version: ModelVersion, n: int) -> Sequence[ModelVersion]:
    return [ModelVersion.objects.get(pk=version.pk) for _ in range(n)]


def test_of_many_who_ask_all_get_the_same_training() -> None:
    found = at_once(*[lambda: request(plan(), now=NOW).pk] * 6)
    assert len(found) == 6
    assert len(set(found)) == ModelVersion.objects.count() == 1


def test_of_many_workers_one_gets_it() -> None:
    mine = copies(request(plan(), now=NOW), 6)
    found = at_once(*[lambda each=each: take(each, now=NOW) for each in mine])
    assert len([attempt for attempt in found if attempt is not None]) == 1


@pytest.mark.usefixtures("shop")
def test_of_many_sweeps_one_trains() -> None:
    assert sorted(at_once(*[lambda: train_models(now=NOW)] * 4)) == [0, 0, 0, 1]
    assert list(ModelVersion.objects.values_list("number", "status")) == [(1, Status.SERVING)]
    assert ModelArtefact.objects.count() == 1


def test_of_many_that_are_promoted_one_serves(trained: Callable[..., ModelVersion]) -> None:
    candidates = [trained(mode="never") for _ in range(2)]
    before = trained()

    def promoted(version: ModelVersion) -> bool:
        try:
            promote(version, now=NOW)
        except NotPromotable:  # somebody else had done so
            return False
        return True

    mine = [copy for each in candidates for copy in copies(each, 2)]
    found = at_once(*[lambda each=each: promoted(each) for each in mine])
    assert found.count(True) >= 2
    states = list(ModelVersion.objects.values_list("status", flat=True))
    assert states.count(Status.SERVING) == 1
    assert states.count(Status.RETIRED) == 2
    before.refresh_from_db()
    assert before.status == Status.RETIRED


def test_of_many_that_go_back_from_one_version_one_does(
    trained: Callable[..., ModelVersion],
) -> None:
    for n in range(2):
        trained(now=NOW + n * DAY)
    bad = trained(now=NOW + 2 * DAY)

    def gone_back(version: ModelVersion) -> bool:
        try:
            roll_back(version, now=NOW + 3 * DAY)
        except ServesNoMore:
            return False
        return True

    found = at_once(*[lambda each=each: gone_back(each) for each in copies(bad, 4)])
    assert found.count(True) == 1
    assert ModelVersion.objects.get(status=Status.SERVING).number == 2


def test_nothing_begins_to_serve_while_its_artefact_goes_for_who_was_erased(
    trained: Callable[..., ModelVersion], monkeypatch: pytest.MonkeyPatch
) -> None:
    candidate = trained(mode="never")
    refused: list[Exception] = []

    def promoted() -> None:
        try:
            promote(candidate, now=NOW)
        except NotPromotable as error:
            refused.append(error)
        finally:
            connection.close()

    other = threading.Thread(target=promoted)

    def meanwhile(name: str) -> list[int]:
        if other.ident is None:
            other.start()
            other.join(timeout=0.5)  # it waits, as nobody may promote now
        return []

    monkeypatch.setitem(needed._entries, "comparison", meanwhile)
    mark_outdated(at=NOW + DAY)
    other.join()
    assert not ModelArtefact.objects.exists()
    assert len(refused) == 1
    candidate.refresh_from_db()
    assert candidate.status == Status.CANDIDATE
