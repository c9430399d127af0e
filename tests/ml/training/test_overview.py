"""How every model stands, as the admin and the command tell it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from personalization.ml.models import ModelArtefact, ModelVersion
from personalization.ml.training.attempts import request
from personalization.ml.training.outdated import mark_outdated
from personalization.ml.training.overview import ModelState, model_states, warnings_of
from tests.ml.training.conftest import DAY, HOUR, NOW, damage
from tests.ml.training.counting import NAME, Kitchen, plan

pytestmark = pytest.mark.django_db
Shop = Callable[..., None]
Trained = Callable[..., ModelVersion]


def state(name: str = NAME, *, now: Any = NOW) -> ModelState:
    return next(each for each in model_states(now=now) if each.name == name)


def test_a_model_that_was_never_trained_is_due_now(shop: Shop) -> None:
    found = state()
    assert (found.serving, found.open, found.newest) == (None, None, None)
    assert (found.plan, found.next_at, found.warnings) == (plan(), NOW, ())


def test_what_serves_and_what_is_newest_may_be_two(kitchen: Kitchen, trained: Trained) -> None:
    first = trained()
    second = trained(now=NOW + HOUR, mode="never")
    found = state(now=NOW + HOUR)
    assert (found.serving, found.newest, found.open) == (first, second, None)
    assert found.next_at is not None
    assert found.next_at > NOW + HOUR


def test_what_is_at_work_is_open_and_not_the_newest(kitchen: Kitchen, trained: Trained) -> None:
    first = trained()
    asked = request(plan(), now=NOW + HOUR)
    found = state(now=NOW + HOUR)
    assert (found.open, found.newest) == (asked, first)


def test_a_model_without_a_plan_is_told_behind_the_others_and_not_due(
    shop: Shop, trained: Trained
) -> None:
    trained(plan("former"))
    shop(plan("other"), plan("one"))
    assert [each.name for each in model_states(now=NOW)] == ["other", "one", "former"]
    found = state("former", now=NOW + 30 * DAY)
    assert (found.plan, found.next_at, found.warnings) == (None, None, ())
    assert found.serving is not None


def test_versions_of_another_model_say_nothing_of_this_one(shop: Shop, trained: Trained) -> None:
    trained(plan("other"))
    shop(plan(), plan("other"))
    assert state().newest is None
    assert state("other").serving is not None


def test_a_damaged_artefact_is_found_though_popularity_stands_in(trained: Trained) -> None:
    damage(trained())
    (warning,) = state().warnings
    assert "is damaged: its checksum" in warning
    assert "No version before it can serve in its place." in warning


def test_the_version_that_serves_in_the_place_of_a_damaged_one_is_named(trained: Trained) -> None:
    trained()
    spoilt = trained(now=NOW + HOUR)
    damage(trained(now=NOW + 2 * HOUR))
    assert "Version 2 serves in its place." in state().warnings[0]
    damage(spoilt)
    assert "Version 1 serves in its place." not in state().warnings[0]  # it is not kept


def test_what_is_wrong_with_an_artefact_that_does_not_serve_is_not_looked_at(
    trained: Trained,
) -> None:
    trained()
    damage(trained(now=NOW + HOUR, mode="never"))
    assert state().warnings == ()


def test_why_the_newest_was_refused_is_told(trained: Trained, kitchen: Kitchen) -> None:
    trained()
    assert state().refused == ()
    kitchen.value, kitchen.serving = 0.1, 0.5
    trained(now=NOW + HOUR)
    no_gain, worse = state().refused
    assert no_gain.startswith("It is not better than popularity: hit rate@20 0.1000 beside 0.2000")
    assert worse.startswith("It is worse than the version that serves by more than 2%")


def test_what_is_good_enough_and_waits_was_not_refused(trained: Trained) -> None:
    trained(mode="never")
    found = state()
    assert found.newest is not None
    assert found.newest.status == ModelVersion.Status.CANDIDATE
    assert found.refused == ()


def test_all_that_is_wrong_is_told_at_once(trained: Trained) -> None:
    version = trained()
    damage(version)
    mark_outdated(at=NOW + HOUR)
    version.refresh_from_db()
    damaged, outdated, stale = warnings_of(version, plan(), now=NOW + 9 * DAY)
    assert "is damaged" in damaged
    assert "erased meanwhile" in outdated
    assert "was begun 9 days ago" in stale


def test_a_good_one_has_no_warnings(trained: Trained) -> None:
    assert list(warnings_of(trained(), plan(), now=NOW)) == []


def queries() -> int:
    with CaptureQueriesContext(connection) as asked:
        model_states(now=NOW)
    return len(asked)


def test_many_models_of_many_versions_take_no_more_queries_than_one(
    shop: Shop, trained: Trained
) -> None:
    trained()
    few = queries()
    names = ("one", "two", "three")
    for n, name in enumerate(names):
        trained(plan(name), now=NOW + n * HOUR)
        trained(plan(name), now=NOW + (n + 9) * HOUR)
        request(plan(name), now=NOW + (n + 10) * HOUR)
    shop(plan(), *(plan(name) for name in names))
    assert queries() == few


def test_artefacts_are_read_of_what_serves_alone(trained: Trained) -> None:
    for n in range(3):
        trained(now=NOW + n * HOUR)
    with CaptureQueriesContext(connection) as asked:
        model_states(now=NOW)
    read = [one["sql"] for one in asked.captured_queries if "modelartefact" in one["sql"].lower()]
    assert len(read) == 1
    assert ModelArtefact.objects.count() > 1
