from __future__ import annotations

import json
import subprocess
from datetime import timedelta
from typing import Any

import pytest
from celery import current_app
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from personalization import hints, metrics, tasks
from personalization.events.models import Event
from personalization.experiments.bandits import learning, update
from personalization.experiments.bandits.learning import lesson_of
from personalization.experiments.bandits.update import update_bandits
from personalization.experiments.models import Arm, BanditState, Experiment, Measure, Metric
from personalization.experiments.running import running_trials
from personalization.experiments.trial import Entrant, assign
from personalization.management import beside
from personalization.revisions import Revision
from tests.experiments.bandits.logs import DAY, HOUR, NOW, Shown, buyers, log, make_experiment

pytestmark = pytest.mark.django_db


def _revision() -> int:
    row = Revision.objects.filter(pk=Revision.ID).first()
    return row.number if row else 0


def _chances() -> tuple[float, ...]:
    [trial] = running_trials()
    assert trial.policy is not None
    return trial.policy.weights({})


def test_more_visitors_come_into_the_arm_that_earns_more() -> None:
    experiment = make_experiment("usual", "new")
    log(experiment, [*buyers("usual", 12, of=120), *buyers("new", 36, of=120)])
    assert _chances() == (0.5, 0.5)
    assert update_bandits(now=NOW) == 1
    usual, new = _chances()
    assert new > 0.97
    assert usual >= 0.01


@pytest.mark.parametrize("metric", ["value", "count"])
def test_what_visitors_spend_or_do_counts_as_well(metric: str) -> None:
    experiment = make_experiment("usual", "new", metric=metric)
    log(experiment, [*buyers("usual", 12, of=120), *buyers("new", 36, of=120)])
    assert update_bandits(now=NOW) == 1
    assert _chances()[1] > 0.97


@pytest.mark.parametrize("metric", ["conversion", "value"])
def test_of_what_should_be_less_the_arm_with_less_is_shown(metric: str) -> None:
    experiment = make_experiment("usual", "new", metric=metric)
    Metric.objects.update(less_is_better=True)
    log(experiment, [*buyers("usual", 12, of=120), *buyers("new", 36, of=120)])
    update_bandits(now=NOW)
    assert _chances()[0] > 0.97


def test_a_ratio_is_learned_from_as_a_ratio() -> None:
    """Both arms bring as many orders; shown half as often, the second one has the better ratio."""
    experiment = make_experiment("usual", "new", metric="click_through")
    for arm, times in (("usual", 4), ("new", 1)):
        later = tuple((arm, 0.5) for _ in range(times - 1))
        visitors = [Shown(arm, later=later) for _ in range(150)]
        profiles = log(experiment, visitors)
        for profile, one in list(zip(profiles, visitors, strict=True))[:50]:
            event = Event.objects.filter(identity__profile=profile).earliest("timestamp")
            event.pk, event.name, event.message_id = None, "Slot Clicked", f"c-{event.message_id}"
            event.timestamp = one.at + HOUR / 2
            event.properties = {"slot": "hero"}
            event.save(force_insert=True)
    update_bandits(now=NOW)
    assert _chances()[1] > 0.97


def test_fewer_than_a_hundred_visitors_in_an_arm_leave_the_shares_as_they_are() -> None:
    experiment = make_experiment("usual", "new")
    log(experiment, [*buyers("usual", 0, of=250), *buyers("new", 90, of=99)])
    update_bandits(now=NOW)
    assert _chances() == (0.5, 0.5)


def test_a_visitor_counts_when_the_window_of_the_metric_is_over() -> None:
    experiment = make_experiment("usual", "new")
    log(experiment, buyers("usual", 12, of=120, at=NOW - 3 * DAY))
    log(experiment, buyers("new", 0, of=120, at=NOW - DAY + HOUR))
    update_bandits(now=NOW)
    assert _chances() == (0.5, 0.5)
    update_bandits(now=NOW + 2 * HOUR)
    assert _chances()[0] > 0.97


def test_what_a_visitor_is_shown_later_changes_nothing() -> None:
    experiment = make_experiment("usual", "new")
    log(experiment, buyers("usual", 12, of=120, later=(("new", 0.99), ("new", 0.99))))
    log(experiment, buyers("new", 36, of=120, later=(("usual", 0.01),)))
    lesson = lesson_of(experiment, {}, number=1, now=NOW)
    assert lesson is not None
    assert lesson.content["units"] == 240
    assert lesson.content["chances"][1] > 0.97


def test_a_better_day_does_not_count_for_the_arm_that_was_shown_more_then() -> None:
    """On each day both arms are the same; the new one was shown to most on the better day."""
    experiment = make_experiment("usual", "new")
    log(experiment, [
        *buyers("usual", 27, of=270, chance=0.9, at=NOW - 5 * DAY),
        *buyers("new", 3, of=30, chance=0.1, at=NOW - 5 * DAY),
        *buyers("usual", 15, of=30, chance=0.1, at=NOW - 3 * DAY),
        *buyers("new", 135, of=270, chance=0.9, at=NOW - 3 * DAY),
    ])  # fmt: skip
    update_bandits(now=NOW)
    assert 0.2 < _chances()[1] < 0.8


def test_what_is_long_past_is_forgotten() -> None:
    experiment = make_experiment("usual", "new")
    Experiment.objects.update(started_at=NOW - 300 * DAY)
    log(experiment, buyers("usual", 120, of=120, at=NOW - 120 * DAY))
    log(experiment, [*buyers("usual", 12, of=120), *buyers("new", 36, of=120)])
    update_bandits(now=NOW)
    assert _chances()[1] > 0.97


def test_two_updates_of_the_same_log_give_the_same_state() -> None:
    experiment = make_experiment("usual", "new")
    log(experiment, [*buyers("usual", 12, of=120), *buyers("new", 14, of=120)])
    first = lesson_of(experiment, {}, number=1, now=NOW)
    again = lesson_of(experiment, {}, number=1, now=NOW)
    assert first == again
    update_bandits(now=NOW)
    kept = BanditState.objects.values("number", "content", "updated_at").get()
    assert update_bandits(now=NOW) == 0
    assert BanditState.objects.values("number", "content", "updated_at").get() == kept


def test_nothing_is_published_anew_while_the_chances_hardly_move() -> None:
    experiment = make_experiment("usual", "new")
    log(experiment, [*buyers("usual", 12, of=120), *buyers("new", 36, of=120)])
    update_bandits(now=NOW)
    before = _revision()
    log(experiment, buyers("new", 1, of=3))
    assert update_bandits(now=NOW) == 0
    assert _revision() == before


def test_pages_are_told_of_new_chances() -> None:
    experiment = make_experiment("usual", "new")
    log(experiment, [*buyers("usual", 12, of=120), *buyers("new", 13, of=120)])
    update_bandits(now=NOW)
    before = _revision()
    log(experiment, [*buyers("usual", 12, of=120), *buyers("new", 48, of=120)])
    assert update_bandits(now=NOW) == 1
    assert _revision() > before
    assert BanditState.objects.get().number == 2


def test_an_update_that_is_killed_leaves_the_state_as_it_was(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    experiment = make_experiment("usual", "new")
    log(experiment, [*buyers("usual", 12, of=120), *buyers("new", 13, of=120)])
    update_bandits(now=NOW)
    kept, chances = BanditState.objects.values().get(), _chances()
    log(experiment, [*buyers("usual", 12, of=120), *buyers("new", 48, of=120)])

    class Killed(BaseException):
        """As by a signal, which nothing catches."""

    def killed() -> None:
        raise Killed

    # At the last step of all: the state is written, and pages are about to be told.
    monkeypatch.setattr(Revision, "raise_number", killed)
    with pytest.raises(Killed):
        update_bandits(now=NOW)
    assert BanditState.objects.values().get() == kept
    assert _chances() == chances
    monkeypatch.undo()
    assert update_bandits(now=NOW) == 1


@pytest.mark.parametrize("is_first", [True, False])
def test_of_two_workers_at_once_the_later_one_writes_nothing(
    monkeypatch: pytest.MonkeyPatch, is_first: bool
) -> None:
    experiment = make_experiment("usual", "new")
    log(experiment, [*buyers("usual", 12, of=120), *buyers("new", 13, of=120)])
    if not is_first:
        update_bandits(now=NOW)
        log(experiment, [*buyers("usual", 12, of=120), *buyers("new", 48, of=120)])
    learn = learning.lesson_of
    inner: list[int] = []

    def meanwhile(*args: Any, **named: Any) -> Any:
        if not inner:
            inner.append(0)
            inner[0] = update_bandits(now=NOW)
        return learn(*args, **named)

    monkeypatch.setattr(learning, "lesson_of", meanwhile)
    assert update_bandits(now=NOW) == 0
    assert inner == [1]
    assert BanditState.objects.get().number == (1 if is_first else 2)


def test_a_bandit_whose_experiment_ended_meanwhile_is_left_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    experiment = make_experiment("usual", "new")
    log(experiment, [*buyers("usual", 12, of=120), *buyers("new", 36, of=120)])
    learn = learning.lesson_of

    def meanwhile(*args: Any, **named: Any) -> Any:
        Experiment.objects.update(status=Experiment.Status.STOPPED)
        return learn(*args, **named)

    monkeypatch.setattr(learning, "lesson_of", meanwhile)
    assert update_bandits(now=NOW) == 0
    assert not BanditState.objects.exists()


def test_an_experiment_with_fixed_shares_or_one_that_is_over_learns_nothing() -> None:
    for fields in ({"allocation": "fixed"}, {"status": Experiment.Status.STOPPED}):
        experiment = make_experiment("usual", "new", **fields)
        log(experiment, [*buyers("usual", 12, of=120), *buyers("new", 36, of=120)])
    assert update_bandits(now=NOW) == 0
    assert not BanditState.objects.exists()


def test_an_experiment_that_no_metric_decides_learns_nothing() -> None:
    experiment = make_experiment("usual", "new")
    log(experiment, [*buyers("usual", 12, of=120), *buyers("new", 36, of=120)])
    Measure.objects.update(role=Measure.Role.SECONDARY)
    assert update_bandits(now=NOW) == 0


def test_one_whose_data_is_wrong_keeps_no_other_from_learning(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for slug in ("a-broken", "b-sound"):
        experiment = make_experiment("usual", "new", slug=slug)
        log(experiment, [*buyers("usual", 12, of=120), *buyers("new", 36, of=120)])
    learn = learning.lesson_of

    def fails(experiment: Experiment, *args: Any, **named: Any) -> Any:
        if experiment.slug == "a-broken":
            raise ValueError("no number")
        return learn(experiment, *args, **named)

    monkeypatch.setattr(learning, "lesson_of", fails)
    before = metrics.snapshot().get("bandits.failed", 0)
    assert update_bandits(now=NOW) == 1
    assert BanditState.objects.get().experiment.slug == "b-sound"
    assert metrics.snapshot()["bandits.failed"] == before + 1


def test_an_arm_that_comes_later_is_learned_of_from_the_shares_of_the_start() -> None:
    experiment = make_experiment("usual", "new")
    log(experiment, [*buyers("usual", 12, of=120), *buyers("new", 36, of=120)])
    update_bandits(now=NOW)
    Arm.objects.create(experiment=experiment, key="newest", position=2, weight=0.5)
    assert _chances() == pytest.approx((0.01 + 0.97 / 3,) * 3)
    assert update_bandits(now=NOW) == 1
    log(experiment, buyers("newest", 90, of=120))
    assert update_bandits(now=NOW) == 1
    assert _chances()[2] > 0.97


def test_a_state_of_another_kind_of_bandit_is_learned_anew() -> None:
    experiment = make_experiment("usual", "new")
    log(experiment, [*buyers("usual", 12, of=120), *buyers("new", 36, of=120)])
    BanditState.objects.create(experiment=experiment, number=7, content=["no", "state"])
    assert _chances() == (0.5, 0.5)
    BanditState.objects.update(content={"kind": "linucb", "arms": ["usual", "new"]})
    assert update_bandits(now=NOW) == 1
    assert BanditState.objects.get().number == 8
    assert _chances()[1] > 0.97


def test_without_numpy_nothing_is_learned(monkeypatch: pytest.MonkeyPatch) -> None:
    experiment = make_experiment("usual", "new")
    log(experiment, [*buyers("usual", 12, of=120), *buyers("new", 36, of=120)])
    monkeypatch.setattr(update, "find_spec", lambda name: None)
    assert update_bandits(now=NOW) == 0
    with pytest.raises(CommandError, match="numpy"):
        call_command("update_bandits")


def test_a_task_lets_bandits_learn_and_a_command_tells_of_them(
    capsys: pytest.CaptureFixture[str],
) -> None:
    experiment = make_experiment("usual", "new")
    Experiment.objects.update(started_at=timezone.now() - 30 * DAY)
    call_command("update_bandits", "--list")
    assert "thompson, update 0, 0 visitors" in capsys.readouterr().out
    at = timezone.now() - 3 * DAY
    log(experiment, [*buyers("usual", 12, of=120, at=at), *buyers("new", 36, of=120, at=at)])
    assert tasks.update_bandits_task() == 1
    call_command("update_bandits")
    out = capsys.readouterr().out
    assert "update 1, 240 visitors, usual 1.0%, new 99.0%" in out
    assert "0 of 1 bandits have new chances." in out
    call_command("update_bandits", "--json")
    told = json.loads(capsys.readouterr().out)
    assert told["updated"] == 0
    assert told["bandits"][0]["chances"]["new"] > 0.97


def test_a_worker_finds_the_task_by_its_name() -> None:
    assert hints.UPDATE_BANDITS in current_app.tasks
    assert hints.BEAT_SCHEDULE[hints.UPDATE_BANDITS]["schedule"] == 300.0


def test_the_chance_that_is_logged_is_how_often_visitors_come_into_an_arm() -> None:
    """χ² of 20,000 visitors, whose numbers are always the same."""
    experiment = make_experiment("usual", "new", "newest")
    log(experiment, [
        *buyers("usual", 12, of=120), *buyers("new", 18, of=120), *buyers("newest", 17, of=120),
    ])  # fmt: skip
    update_bandits(now=NOW)
    [trial] = running_trials()
    counts, chances = [dict.fromkeys(("usual", "new", "newest"), 0.0) for _ in range(2)]
    n = 20_000
    for unit in range(n):
        found = assign(trial, Entrant(unit=str(unit), now=0))
        assert found is not None
        counts[found[1].arm] += 1
        chances[found[1].arm] = found[1].probability
    assert chances["newest"] > 0.1  # no arm has only its floor
    square = sum((counts[arm] - n * chances[arm]) ** 2 / (n * chances[arm]) for arm in counts)
    assert square < 13.8  # p > 0.001 with 2 degrees of freedom


def test_beside_a_worker_bandits_learn_where_there_are_any(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    started: list[str] = []

    class Process:
        def __init__(self, command: list[str], **how: Any) -> None:
            started.append(command[-1])

        def poll(self) -> int:
            return 0

    monkeypatch.setattr(subprocess, "Popen", Process)
    beside.Beside()(now=NOW)
    assert "update_bandits" not in started
    make_experiment("usual", "new")
    work = beside.Beside()
    for minutes in range(0, 12, 2):
        work(now=NOW + timedelta(minutes=minutes))
    assert started.count("update_bandits") == 2
    monkeypatch.setattr(update, "find_spec", lambda name: None)
    beside.Beside()(now=NOW)
    assert started.count("update_bandits") == 2


def test_an_update_reads_the_log_in_few_queries(django_assert_max_num_queries: Any) -> None:
    experiment = make_experiment("usual", "new")
    log(experiment, [*buyers("usual", 12, of=120), *buyers("new", 36, of=120)])
    with django_assert_max_num_queries(25, connection=connection):
        update_bandits(now=NOW)
