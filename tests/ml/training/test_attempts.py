"""A training is a row: asked for once, held by one worker, and never lost with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import pytest
from django.db import IntegrityError

from personalization.ml.models import ModelArtefact, ModelVersion
from personalization.ml.training import attempts
from personalization.ml.training.attempts import (
    LEASE,
    LOST,
    TRIES,
    Attempt,
    TrainingLost,
    open_trainings,
    request,
    request_due,
    stop,
    take,
)
from personalization.ml.training.plans import Plan
from personalization.ml.training.schedule import due
from tests.ml.training.conftest import DAY, NOW, SECOND
from tests.ml.training.counting import plan

pytestmark = pytest.mark.django_db
Status = ModelVersion.Status
Meanwhile = Callable[[Callable[[int], None]], list[int]]


def taken(*, now: datetime = NOW) -> Attempt:
    attempt = take(request(plan(), now=now), now=now)
    assert attempt is not None
    return attempt


def kept(attempt: Attempt, content: bytes = b"model") -> None:
    attempt.keep(
        content=content,
        sha256="f" * 64,
        algorithm="other",
        config={"power": 2},
        window=(NOW - DAY, NOW),
        rows=3,
        metrics={"hr_20": 0.5},
        features_version="f1",
        remarks=["Fine."],
    )


# -- asking --------------------------------------------------------------------------------


def test_what_is_asked_for_waits_for_a_worker() -> None:
    version = request(plan(config={"power": 2}, seed=7), now=NOW)
    assert (version.number, version.status, version.trained_at) == (1, Status.TRAINING, None)
    assert (version.algorithm, version.config, version.seed) == (
        "counting_of_tests",
        {"power": 2},
        7,
    )
    assert version.created_at == NOW


def test_while_one_is_open_there_is_no_second_one() -> None:
    assert request(plan(), now=NOW) == request(plan(), now=NOW + DAY)
    assert request(plan("other"), now=NOW).number == 1


def test_numbers_go_on_whatever_became_of_those_before() -> None:
    for number, status in ((1, Status.FAILED), (2, Status.SERVING), (3, Status.RETIRED)):
        version = request(plan(), now=NOW)
        assert version.number == number
        version.status = status
        version.save()
    assert request(plan(), now=NOW).number == 4


def test_what_is_not_due_is_not_asked_for_but_an_open_one_is_returned() -> None:
    first = request_due(plan(), now=NOW)
    assert first is not None
    assert request_due(plan(), now=NOW) == first
    first.status = Status.SERVING
    first.save()
    assert request_due(plan(), now=NOW + SECOND) is None
    again = request_due(plan(), now=NOW + DAY)
    assert again is not None
    assert again.number == 2


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Meanwhile:
    """Have others do something between the look at the numbers and the try to have the next one;
    tells how often."""

    def have(others: Callable[[int], None]) -> list[int]:
        turns: list[int] = []

        def asked(plans: Sequence[Plan], *, now: datetime) -> Sequence[Plan]:
            found = due(plans, now=now)
            turns.append(len(turns) + 1)
            others(turns[-1])
            return found

        monkeypatch.setattr(attempts, "due", asked)
        return turns

    return have


def over(number: int, *, begun: datetime = NOW - 7 * DAY) -> None:
    """Let others have that number, with a training that is over already."""
    version = ModelVersion(name=plan().name, number=number, created_at=begun)
    version.status = Status.RETIRED
    version.save()


def test_a_number_that_others_took_meanwhile_is_passed_over(meanwhile: Meanwhile) -> None:
    turns = meanwhile(lambda turn: over(turn) if turn < 3 else None)
    version = request_due(plan(), now=NOW)
    assert version is not None
    assert (version.number, turns) == (3, [1, 2, 3])


def test_what_others_trained_meanwhile_is_not_due_any_more(meanwhile: Meanwhile) -> None:
    """They had the number, so it is looked again whether it is."""
    turns = meanwhile(lambda turn: over(turn, begun=NOW) if turn == 1 else None)
    assert request_due(plan(), now=NOW) is None
    assert len(turns) == 2
    assert not open_trainings().exists()


def test_who_never_gets_a_number_is_told(meanwhile: Meanwhile) -> None:
    turns = meanwhile(over)
    with pytest.raises(IntegrityError):
        request_due(plan(), now=NOW)
    assert len(turns) == TRIES


@pytest.mark.parametrize("ask", [request, request_due])
def test_what_the_database_refuses_for_another_reason_is_not_tried_again(
    monkeypatch: pytest.MonkeyPatch, ask: Callable[..., object]
) -> None:
    tried: list[int] = []

    def refuse(*, number: int, **values: Any) -> None:
        tried.append(number)
        raise IntegrityError("CHECK constraint failed: seed")

    monkeypatch.setattr(ModelVersion.objects, "create", refuse)
    with pytest.raises(IntegrityError, match="seed"):
        ask(plan(), now=NOW)
    assert tried == [1]


# -- taking --------------------------------------------------------------------------------


def test_of_two_workers_one_gets_it() -> None:
    version = request(plan(), now=NOW)
    again = ModelVersion.objects.get(pk=version.pk)
    assert take(version, now=NOW) is not None
    assert take(again, now=NOW) is None
    again.refresh_from_db()
    assert take(again, now=NOW + LEASE - SECOND) is None


def test_a_worker_that_died_loses_it_to_the_next_one() -> None:
    dead = taken()
    dead.progress(0.5, "Reading")
    version = ModelVersion.objects.get()
    heir = take(version, now=NOW + LEASE + 10 * SECOND)
    assert heir is not None
    version.refresh_from_db()
    assert (version.number, version.progress, version.remarks) == (1, 0, [attempts.LOST_REMARK])
    kept(heir)
    assert ModelVersion.objects.get().status == Status.CANDIDATE


def test_who_was_given_up_for_dead_writes_nothing_any_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempts, "PAUSE", 0)
    slow = taken()
    heir = take(ModelVersion.objects.get(), now=NOW + LEASE + SECOND)
    assert heir is not None
    heir.progress(0.3, "Mine")
    with pytest.raises(TrainingLost):
        slow.progress(0.9, "Theirs")
    with pytest.raises(TrainingLost):
        kept(slow)
    slow.fail("Too late.")
    version = ModelVersion.objects.get()
    assert (version.status, version.progress_words) == (Status.TRAINING, "Mine")
    assert not ModelArtefact.objects.exists()


def test_what_kills_its_workers_is_given_up() -> None:
    now = NOW
    taken(now=now)
    for _ in range(LOST - 1):
        now += LEASE + SECOND
        assert take(ModelVersion.objects.get(), now=now) is not None
    assert take(ModelVersion.objects.get(), now=now + LEASE + SECOND) is None
    version = ModelVersion.objects.get()
    assert version.status == Status.FAILED
    assert "3 workers in a row" in version.error


def test_what_is_over_is_not_taken_up() -> None:
    attempt = taken()
    kept(attempt)
    assert take(attempt.version, now=NOW + DAY) is None


# -- telling -------------------------------------------------------------------------------


def test_how_far_it_is_is_written_now_and_then() -> None:
    attempt = taken()
    for n in range(1000):
        attempt.progress(n / 1000, "Learning")
    assert ModelVersion.objects.get().progress == 0  # of the first one; the rest came at once


def test_progress_keeps_to_its_bounds_and_its_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempts, "PAUSE", 0)
    attempt = taken()
    for share, kept_as in ((-1.0, 0), (0.5, 0.5), (7.0, 1)):
        attempt.progress(share, "x" * 500)
        version = ModelVersion.objects.get()
        assert (version.progress, version.progress_words) == (kept_as, "x" * 200)


def test_a_sign_of_life_keeps_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempts, "PAUSE", 0)
    attempt = taken()
    attempt.now = NOW + LEASE - SECOND  # its clock went on
    attempt.progress(0.5, "Learning")
    assert take(ModelVersion.objects.get(), now=NOW + LEASE + SECOND) is None


def test_who_is_stopped_hears_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempts, "PAUSE", 0)
    attempt = taken()
    assert stop(attempt.version, by="ada", now=NOW)
    with pytest.raises(TrainingLost):
        attempt.progress(0.5, "Learning")
    version = ModelVersion.objects.get()
    assert (version.status, version.error) == (Status.FAILED, "Stopped by ada.")
    assert not stop(version, by="ada", now=NOW)
    assert request(plan(), now=NOW).number == 2


# -- keeping -------------------------------------------------------------------------------


def test_what_was_learned_is_kept_with_where_it_came_from() -> None:
    attempt = taken()
    kept(attempt)
    version = ModelVersion.objects.get()
    assert version.status == Status.CANDIDATE
    assert (version.window_from, version.window_until, version.rows) == (NOW - DAY, NOW, 3)
    assert (version.algorithm, version.config, version.metrics) == (
        "other",
        {"power": 2},
        {"hr_20": 0.5},
    )
    assert (version.features_version, version.remarks, version.progress) == ("f1", ["Fine."], 1)
    assert version.checksum == "f" * 64
    assert bytes(version.artefact.content) == b"model"
    assert version.trained_at is not None
    assert version.trained_at >= NOW


def test_nothing_is_kept_by_halves(monkeypatch: pytest.MonkeyPatch) -> None:
    attempt = taken()

    def die(**values: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(ModelArtefact.objects, "update_or_create", die)
    with pytest.raises(KeyboardInterrupt):
        kept(attempt)
    version = ModelVersion.objects.get()
    assert (version.status, version.checksum, version.rows) == (Status.TRAINING, "", 0)


def test_a_failure_is_kept_and_cut_short() -> None:
    attempt = taken()
    attempt.fail("y" * 5000)
    version = ModelVersion.objects.get()
    assert version.status == Status.FAILED
    assert 1000 < len(version.error) <= 2000
