"""A version that could not be read serves again once its artefact is restored."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from personalization.ml.models import ModelArtefact, ModelVersion
from personalization.ml.serving.loaded import AGAIN, FRESH, loaded, loaded_version, serving
from tests.delivery.rendering import counted
from tests.ml.serving.stored import RETIRED, restore, serve_what_follows, spoil, store, what_follows

NOW = timezone.now()
LEADS = {"a": ["b", "c"], "b": ["c"]}

pytestmark = pytest.mark.django_db


def number(now=NOW) -> int:
    """Return which version serves; 0: none."""
    return loaded("recommend", now=now).number


@pytest.fixture
def damaged() -> ModelVersion:
    """A version that serves and cannot be read, which was seen already; 1 stands in."""
    serve_what_follows(LEADS, number=1)
    version = serve_what_follows({"a": ["d"]}, number=2)
    spoil(version)
    assert number() == 1
    return version


def test_what_is_restored_serves_in_place_of_what_stood_in(damaged):
    restore(damaged)
    assert number(NOW + AGAIN - FRESH) == 1
    assert number(NOW + AGAIN) == 2


def test_so_it_does_where_nothing_stood_in():
    version = serve_what_follows(LEADS)
    spoil(version)
    assert serving("recommend", now=NOW) is None
    restore(version)
    assert serving("recommend", now=NOW + AGAIN - FRESH) is None
    assert serving("recommend", now=NOW + AGAIN) is not None


def test_an_artefact_that_was_gone_and_is_back_is_read():
    version = serve_what_follows(LEADS)
    artefact = ModelArtefact.objects.get(version=version)
    ModelArtefact.objects.all().delete()
    assert number() == 0
    ModelArtefact.objects.create(version=version, content=artefact.content)
    assert number(NOW + AGAIN) == 1


def test_where_it_is_never_restored_it_is_tried_now_and_then(damaged):
    before = counted("models.corrupt")
    step = timedelta(seconds=30)
    for n in range(1, 4 * (AGAIN // step) + 1):
        assert number(NOW + n * step) == 1
    assert counted("models.corrupt") == before + 4


def test_between_the_tries_what_stands_in_is_the_same_and_costs_one_query(damaged):
    first = loaded("recommend", now=NOW)
    with CaptureQueriesContext(connection) as captured:
        assert loaded("recommend", now=NOW + FRESH) is first
    assert len([each for each in captured if "SAVEPOINT" not in each["sql"]]) == 1


def test_a_clock_that_was_set_back_does_not_put_it_off(damaged):
    restore(damaged)
    assert number(NOW - timedelta(days=1)) == 2


def test_what_is_restored_is_not_read_again(damaged):
    restore(damaged)
    known = serving("recommend", now=NOW + AGAIN)
    assert serving("recommend", now=NOW + 3 * AGAIN) is known


def test_another_version_serves_at_once_whatever_was_tried(damaged):
    serve_what_follows(LEADS, number=3)
    assert number(NOW + FRESH) == 3


def test_a_version_that_is_asked_for_by_its_number_is_tried_again_too():
    version = store(what_follows(LEADS), number=1, status=RETIRED)
    spoil(version)
    before = counted("models.corrupt")
    for at in (NOW, NOW + FRESH, NOW + AGAIN - FRESH):
        assert loaded_version("recommend", 1, now=at).model is None
    assert counted("models.corrupt") == before + 1
    restore(version)
    known = loaded_version("recommend", 1, now=NOW + AGAIN).model
    assert known is not None
    assert loaded_version("recommend", 1, now=NOW + 2 * AGAIN - FRESH).model is known
