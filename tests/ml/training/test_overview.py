"""How every model stands, as the admin and the command tell it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from personalization.ml.models import ModelVersion
from personalization.ml.training.attempts import request
from personalization.ml.training.outdated import mark_outdated
from personalization.ml.training.overview import ModelState, model_states, warnings_of
from tests.ml.training.conftest import DAY, HOUR, NOW, damage
from tests.ml.training.counting import NAME, Kitchen, plan

pytestmark = pytest.mark.django_db
Shop = Callable[..., None]
Trained = Callable[..., ModelVersion]


def state(name: str = NAME, *, now: Any = NOW, verify: bool = False) -> ModelState:
    return next(each for each in model_states(now=now, verify=verify) if each.name == name)


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


def test_a_damaged_artefact_is_found_by_who_looks_at_every_byte(trained: Trained) -> None:
    damage(trained())
    assert state().warnings == ()
    (warning,) = state(verify=True).warnings
    assert "is damaged: its checksum" in warning


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


def test_a_model_of_many_versions_costs_no_more_than_one_of_few(trained: Trained) -> None:
    trained()
    with CaptureQueriesContext(connection) as few:
        model_states(now=NOW)
    for n in range(4):
        trained(now=NOW + n * HOUR, mode="never")
    with CaptureQueriesContext(connection) as many:
        model_states(now=NOW)
    assert len(many) == len(few)
