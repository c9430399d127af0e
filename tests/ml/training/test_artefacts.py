"""Artefacts that are not what was stored, and what serves in their place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from personalization.ml.models import ModelArtefact, ModelVersion
from personalization.ml.serving import loaded
from personalization.ml.training.artefacts import TRIES, problem_of, problems_of, stand_in
from personalization.ml.training.versions import artefact_problem
from tests.ml.training.conftest import HOUR, NOW, damage
from tests.ml.training.counting import NAME, plan

pytestmark = pytest.mark.django_db
Trained = Callable[..., ModelVersion]


def test_a_good_artefact_has_no_problem(trained: Trained) -> None:
    version = trained()
    content = ModelArtefact.objects.get().content
    assert problem_of(version, content) == ""
    assert problems_of([version]) == {}


def test_one_changed_byte_is_seen(trained: Trained) -> None:
    version = trained()
    damage(version)
    assert f"The artefact of version 1 of “{NAME}” is damaged" in problems_of([version])[version.pk]


def test_what_is_not_kept_is_told(trained: Trained) -> None:
    version = trained()
    ModelArtefact.objects.all().delete()
    assert "is not kept any more" in problems_of([version])[version.pk]


@pytest.mark.parametrize("spoil", [lambda version: None, damage])
def test_one_and_many_are_told_alike(trained: Trained, spoil: Any) -> None:
    version = trained()
    spoil(version)
    assert problems_of([version]).get(version.pk, "") == artefact_problem(version)


def test_many_are_read_by_one_query(trained: Trained, django_assert_num_queries: Any) -> None:
    versions = [trained(plan(name)) for name in ("one", "two", "three")]
    damage(versions[1])
    with django_assert_num_queries(1):
        assert list(problems_of(versions)) == [versions[1].pk]


def test_what_stands_in_is_what_visitors_get(trained: Trained) -> None:
    trained()
    trained(now=NOW + HOUR)
    version = trained(now=NOW + 2 * HOUR)
    damage(version)
    loaded.forget()
    found = stand_in(version)
    assert found is not None
    assert found.number == loaded.loaded(NAME, now=NOW).number


def test_without_another_one_nothing_stands_in(trained: Trained) -> None:
    version = trained()
    damage(version)
    assert stand_in(version) is None


def test_as_many_are_tried_as_by_whoever_serves() -> None:
    assert TRIES == loaded.TRIES
