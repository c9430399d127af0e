"""Findings follow what happens, each by itself, and forget whom the site forgets."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import pytest
from django.core.management import call_command
from django.test import override_settings
from django.utils import timezone

from personalization import hints, metrics
from personalization.experiments import analysis, findings, refresh
from personalization.experiments.models import Arm, Experiment, Finding
from personalization.experiments.refresh import MISSING, is_needed, refresh_findings
from personalization.experiments.results import Result
from personalization.experiments.trial import GLOBAL
from personalization.management.beside import environment
from personalization.privacy.models import Consent, Erasure, Mechanism
from personalization.profiles.models import Profile, Snapshot
from personalization.tasks import refresh_experiments_task
from tests.experiments.analysis.planted import ORDER, plant, plant_holdout
from tests.experiments.analysis.world import (
    DAY,
    HOUR,
    MINUTE,
    NOW,
    START,
    World,
    make_experiment,
    make_goal,
    metric,
)

pytestmark = pytest.mark.django_db
BLUE = "experiment:blue"


@pytest.fixture(autouse=True)
def _long_ago() -> None:
    """Erasures and answers of other tests are not of the time of these worlds."""
    assert not Erasure.objects.exists()
    assert not Consent.objects.exists()


def judged(**fields: Any) -> Experiment:
    goal = make_goal(ORDER, within=3 * DAY)
    return make_experiment((metric("conversion", goal=goal), "primary"), **fields)


def finding(subject: str = BLUE) -> Finding:
    return Finding.objects.get(subject=subject)


def result(subject: str = BLUE) -> Result:
    return Result.from_json(finding(subject).content)


def computed(subject: str = BLUE) -> datetime:
    return finding(subject).computed_at


# -- what is written --------------------------------------------------------------------------


def test_all_that_is_found_is_kept_by_subject() -> None:
    world = World()
    plant(world, "blue", {"a": 0.1, "b": 0.4}, n=300, seed=1)
    plant_holdout(world, "hero/variation:1", held_out=0.6, shown=0.1, n=400, seed=2)
    plant_holdout(world, GLOBAL, held_out=0.1, shown=0.1, n=100, seed=3)
    world.save()
    judged()
    make_experiment(slug="draft", status=Experiment.Status.DRAFT, started_at=None)
    assert refresh_findings(now=NOW) == 5
    assert sorted(Finding.objects.values_list("subject", flat=True)) == [
        BLUE, "global", "holdout:hero/variation:1", "policies:blue", "proposals", "slot:hero",
    ]  # fmt: skip
    assert result() == analysis.result_of(Experiment.objects.get(slug="blue"), now=NOW)
    assert sum(result("global").units) == 100
    told = {(one["code"], one["subject"]) for one in finding("proposals").content["proposals"]}
    assert told == {("ship", BLUE), ("retire", "holdout:hero/variation:1")}
    assert {one.until for one in Finding.objects.all()} == {NOW}


def test_a_site_with_nothing_has_nothing_to_tell() -> None:
    refresh_findings(now=NOW)
    assert finding("proposals").content == {"proposals": []}
    assert result("global").units == (0, 0)


def test_the_command_the_task_and_the_function_do_the_same(capsys: Any) -> None:
    judged()
    call_command("refresh_experiments")
    assert capsys.readouterr().out == "3 findings written.\n"
    refresh_experiments_task()
    assert hints.BEAT_SCHEDULE[hints.REFRESH_EXPERIMENTS]["schedule"] == 300.0


def test_it_is_needed_where_there_is_anything_to_look_at() -> None:
    assert not is_needed()
    make_experiment(slug="draft", status=Experiment.Status.DRAFT, started_at=None)
    assert not is_needed()
    judged()
    assert is_needed()
    Experiment.objects.all().delete()
    world = World()
    world.saw(world.person(), "hero/variation:1", "shown", START)
    world.save()
    assert is_needed()


# -- when -------------------------------------------------------------------------------------


def test_what_nothing_happened_to_is_left_as_it_is() -> None:
    world = World()
    who = world.person()
    world.saw(who, "blue", "a", START)
    world.save()
    judged()
    refresh_findings(now=NOW)
    assert refresh_findings(now=NOW + 5 * MINUTE) == 0
    world.did(who, "Page Viewed", NOW)  # nothing is judged by it
    world.save()
    assert refresh_findings(now=NOW + 10 * MINUTE) == 0
    assert computed() == NOW


@pytest.mark.parametrize("name", [ORDER, "Slot Shown"])
def test_what_something_happened_to_is_computed_anew_however_late_it_arrived(name: str) -> None:
    world = World()
    who, other = world.people(2)
    world.saw(who, "blue", "a", START)
    world.save()
    judged()
    refresh_findings(now=NOW)
    if name == ORDER:
        world.did(who, ORDER, START + HOUR, received_at=NOW)
    else:
        world.saw(other, "blue", "b", START + HOUR, received_at=NOW)
    world.save()
    assert refresh_findings(now=NOW + MINUTE) > 0
    assert computed() == NOW + MINUTE
    assert result().units == ((1, 0) if name == ORDER else (1, 1))


def test_after_an_hour_it_is_computed_anew_whatever_happened() -> None:
    judged()
    refresh_findings(now=NOW)
    refresh_findings(now=NOW + HOUR)
    assert computed() == computed("global") == NOW + HOUR


@pytest.mark.parametrize("what", ["weight", "goal", "role", "status"])
def test_an_experiment_that_was_changed_is_computed_anew(what: str) -> None:
    experiment = judged()
    refresh_findings(now=NOW)
    measure = experiment.measures.get()
    if what == "weight":
        Arm.objects.filter(experiment=experiment, key="a").update(weight=0.9)
    elif what == "goal":
        assert measure.metric.goal is not None
        measure.metric.goal.within = DAY
        measure.metric.goal.save()
    elif what == "role":
        measure.role = "guardrail"
        measure.save()
    else:
        Experiment.objects.update(status=Experiment.Status.STOPPED, stopped_at=NOW - DAY)
    refresh_findings(now=NOW + MINUTE)
    assert computed() == NOW + MINUTE


def test_one_that_was_stopped_is_final_when_the_last_window_is_over() -> None:
    judged(status=Experiment.Status.STOPPED, stopped_at=NOW)
    for days, at in ((0, 0), (4, 4), (6, 6), (8, 6), (300, 6)):
        refresh_findings(now=NOW + days * DAY)
        assert computed() == NOW + at * DAY


def test_one_whose_events_are_not_kept_any_more_stays_as_it_was_found() -> None:
    judged(status=Experiment.Status.STOPPED, stopped_at=START + DAY)
    refresh_findings(now=NOW)
    with override_settings(PERSONALIZATION_RETENTION=timedelta(days=60)):
        Erasure.objects.create(scope="person", channel="self", requested_at=NOW + 99 * DAY)
        refresh_findings(now=NOW + 99 * DAY)
    assert computed() == NOW


def test_contents_that_nobody_sees_any_more_are_forgotten() -> None:
    world = World()
    world.saw(world.person(), "hero/variation:1", "shown", START)
    world.save()
    Finding.objects.create(subject="experiment:old", content={})
    refresh_findings(now=NOW)
    assert result("holdout:hero/variation:1").units == (0, 1)
    refresh_findings(now=NOW + 100 * DAY)
    assert sorted(Finding.objects.values_list("subject", flat=True)) == [
        "experiment:old", "global", "proposals",
    ]  # fmt: skip


def test_what_takes_long_to_compute_is_left_alone_for_longer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ticks = count(step=60)
    monkeypatch.setattr(findings, "perf_counter", lambda: float(next(ticks)))
    world = World()
    who = world.person()
    world.saw(who, "blue", "a", START)
    world.save()
    judged()
    refresh_findings(now=NOW)  # took a minute, or so it seems
    world.did(who, ORDER, START + HOUR)
    world.save()
    refresh_findings(now=NOW + 9 * MINUTE)
    assert computed() == NOW
    refresh_findings(now=NOW + 10 * MINUTE)
    assert computed() == NOW + 10 * MINUTE


# -- people -----------------------------------------------------------------------------------


def test_who_is_erased_or_takes_consent_back_is_not_in_what_is_found_next() -> None:
    world = World()
    erased, withdrawn, *_ = plant(world, "blue", {"a": 0.1, "b": 0.4}, n=120, seed=4)
    world.save()
    judged()
    now = timezone.now()  # answers and erasures are of now
    Experiment.objects.update(started_at=START, ends_at=None)
    refresh_findings(now=now)
    assert sum(result().units) == 120
    Profile.objects.filter(pk=erased.profile_id).delete()
    Erasure.objects.create(scope="person", channel="self", requested_at=now + MINUTE)
    refresh_findings(now=now + 2 * MINUTE)
    assert sum(result().units) == 119
    Erasure.objects.all().delete()
    Snapshot.objects.filter(profile=withdrawn.profile_id).update(consents={})
    Consent.objects.create(
        identity=withdrawn, purpose="personalization", granted=False, policy_version="1",
        mechanism=Mechanism.BANNER, recorded_at=now + 3 * MINUTE,
    )  # fmt: skip
    refresh_findings(now=now + 4 * MINUTE)
    assert sum(result().units) == 118


def test_nobody_can_be_told_from_what_is_kept() -> None:
    world = World()
    people = plant(world, "blue", {"a": 0.1, "b": 0.4}, n=120, seed=5)
    world.save()
    judged()
    refresh_findings(now=NOW)
    kept = json.dumps([one.content for one in Finding.objects.all()])
    for who in people:
        assert f'"{who.value}"' not in kept


# -- failures ---------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [ValueError, KeyError, ZeroDivisionError, MemoryError])
def test_what_fails_says_so_keeps_what_was_found_and_stops_no_other(
    monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    world = World()
    who = world.person()
    world.saw(who, "blue", "a", START)
    world.saw(who, "green", "a", START)
    world.save()
    judged()
    judged(slug="green")
    refresh_findings(now=NOW)
    real = analysis.result_of

    def broken(experiment: Experiment, *, now: datetime) -> Result:
        if experiment.slug == "blue":
            raise error("it broke")
        return real(experiment, now=now)

    monkeypatch.setattr(findings, "result_of", broken)
    before = metrics.snapshot().get("experiments.failed", 0)
    refresh_findings(now=NOW + 2 * HOUR)
    assert metrics.snapshot()["experiments.failed"] == before + 1
    assert "it broke" in finding().error
    assert result().units == (1, 0)
    assert (computed(), computed("experiment:green")) == (NOW, NOW + 2 * HOUR)
    monkeypatch.undo()
    refresh_findings(now=NOW + 2 * HOUR + MINUTE)  # at once, and not after an hour
    assert (finding().error, computed()) == ("", NOW + 2 * HOUR + MINUTE)


@pytest.mark.parametrize(
    "name",
    [
        "hero/" + "x" * 400, "s" * 400 + "/x", "hero/template:0:" + "+".join(["new-" * 12] * 20),
        f"hero/variation:{10**30}", "hero/variation:٣", "hero/variation:", "/", "//", "a/b/c",
        "hero/\U0001f600", "hero/variation:-1",
    ],
)  # fmt: skip
def test_names_that_a_browser_makes_up_break_nothing(name: str) -> None:
    world = World()
    who = world.person()
    world.saw(who, name, "shown", START)
    world.saw(who, "hero/variation:1", "shown", START)
    world.save()
    refresh_findings(now=NOW)
    assert {one.error for one in Finding.objects.all()} == {""}
    subjects = list(Finding.objects.values_list("subject", flat=True))
    assert "holdout:hero/variation:1" in subjects
    assert sum(one.startswith("holdout:") for one in subjects) == 2
    assert max(map(len, subjects)) <= 200


def test_what_fails_at_first_has_nothing_but_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    judged()
    Arm.objects.all().delete()
    refresh_findings(now=NOW)
    assert "no arms" in finding().error
    assert finding().content == {}
    assert finding("proposals").content == {"proposals": []}


def test_one_experiment_that_fails_does_not_keep_the_others_from_proposals() -> None:
    world = World()
    plant(world, "green", {"a": 0.1, "b": 0.5}, n=400, seed=6)
    world.save()
    judged()
    Arm.objects.all().delete()
    judged(slug="green")
    refresh_findings(now=NOW)
    [one] = finding("proposals").content["proposals"]
    assert (one["code"], one["subject"]) == ("ship", "experiment:green")


def test_without_numpy_it_says_so_and_what_was_found_stays(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    judged()
    refresh_findings(now=NOW)
    judged(slug="green")
    monkeypatch.setattr(refresh, "find_spec", lambda name: None)
    assert is_needed()  # it has to be said
    assert refresh_findings(now=NOW + HOUR) == 0
    assert not is_needed()  # and only once
    assert (finding().error, computed()) == (MISSING, NOW)
    assert result().units == (0, 0)
    assert (finding("experiment:green").error, finding("experiment:green").content) == (MISSING, {})
    monkeypatch.undo()
    refresh_findings(now=NOW + HOUR)
    assert {one.error for one in Finding.objects.all()} == {""}


def test_what_pages_import_of_experiments_needs_no_numpy() -> None:
    code = (
        "import django, sys; django.setup()\n"
        "import personalization.tasks, personalization.api.experiments\n"
        "import personalization.experiments.refresh, personalization.experiments.problems\n"
        "import personalization.management.commands.refresh_experiments\n"
        "assert not {'numpy', 'scipy'} & set(sys.modules), sorted(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], env=dict(environment()), check=True)  # noqa: S603


# -- cost -------------------------------------------------------------------------------------


def test_queries_grow_with_subjects_and_chunks_and_not_with_visitors(
    django_assert_max_num_queries: Any,
) -> None:
    judged()
    for seed in (7, 8):
        world = World()
        plant(world, "blue", {"a": 0.1, "b": 0.2}, n=50 * seed, seed=seed)
        world.save()
        with django_assert_max_num_queries(60):
            refresh_findings(now=NOW + seed * HOUR)
    assert sum(result().units) == 750
