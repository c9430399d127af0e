"""The page of a model version tells of the log: its rows there, and what its lists led to."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from personalization.admin import model_log
from personalization.events.models import Event
from personalization.ml.models import ModelVersion
from personalization.profiles.models import Snapshot
from tests.admin.test_model_versions import address as address_of
from tests.admin.test_model_versions import page_of, text_of
from tests.delivery.people import Person, make_person
from tests.delivery.recommending import look_at

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
_Status = ModelVersion.Status


@pytest.fixture
def version() -> ModelVersion:
    """A version of a recommender that has served since yesterday, made of two rows."""
    now = timezone.now()
    return ModelVersion.objects.create(
        name="recommend", number=7, algorithm="stack", status=_Status.SERVING, checksum="0" * 64,
        window_from=now - 30 * DAY, window_until=now, rows=2, promoted_at=now - DAY,
    )  # fmt: skip


def shown(person: Person, *items: str, model: str = "recommend 7", minutes: int = 10) -> None:
    look_at(person, "x", event="Recommendation Shown", minutes=minutes)
    event = Event.objects.filter(name="Recommendation Shown").latest("pk")
    event.properties = {"place": "home", "items": list(items), "model": model}
    event.save()


def told(response: Any) -> list[tuple[str, int, int]]:
    return [(one.model, one.clicked, one.lists) for one, _ in response.context["click_through"]]


# -- rows ----------------------------------------------------------------------------------


def test_rows_that_are_there_still_are_told(owner: Client, version: ModelVersion) -> None:
    look_at(make_person(), "hat", "shoe")
    assert "The log has the same 2 rows." in page_of(owner, version)


def test_rows_that_went_with_a_consent_are_told(owner: Client, version: ModelVersion) -> None:
    ann, bob = make_person(), make_person()
    look_at(ann, "hat")
    look_at(bob, "shoe")
    Snapshot.objects.filter(pk=bob.profile.pk).update(consents={})
    assert "made of 2 rows, and the log has 1 now: visitors were erased" in page_of(owner, version)


def test_many_rows_are_counted_only_when_asked_for(
    owner: Client, version: ModelVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_log, "AT_ONCE", 1)
    look_at(make_person(), "hat", "shoe")
    page = page_of(owner, version)
    assert 'href="?count=1' in page
    assert "The log has" not in page
    asked = text_of(owner.get(f"{address_of('change', version.pk)}?count=1"))
    assert "The log has the same 2 rows." in asked
    assert 'href="?count=1' not in asked


@pytest.mark.parametrize("other", [{"name": "churn"}, {"checksum": ""}])
def test_what_recommends_nothing_has_no_rows_or_lists(
    owner: Client, version: ModelVersion, other: dict[str, str]
) -> None:
    ModelVersion.objects.update(**other)
    page = page_of(owner, version)
    assert "Rows in the log" not in page
    assert "What lists led to" not in page


# -- lists ---------------------------------------------------------------------------------


def test_lists_of_the_version_come_before_those_of_popularity_and_no_others(
    owner: Client, version: ModelVersion
) -> None:
    people = [make_person() for _ in range(4)]
    shown(people[0], "hat", "shoe")
    look_at(people[0], "shoe", minutes=5)
    for person in people[1:3]:
        shown(person, "hat", model="popularity")
    shown(people[3], "hat", model="recommend 6")
    response = owner.get(address_of("change", version.pk))
    assert told(response) == [("recommend 7", 1, 1), ("popularity", 0, 2)]
    assert "100.0 %" in text_of(response)


def test_a_version_that_filled_no_list_says_nothing_of_popularity(
    owner: Client, version: ModelVersion
) -> None:
    shown(make_person(), "hat", model="popularity")
    assert "What lists led to" not in page_of(owner, version)


def test_lists_of_long_ago_are_not_looked_at(owner: Client, version: ModelVersion) -> None:
    shown(make_person(), "hat", minutes=(model_log.DAYS + 1) * 24 * 60)
    assert "What lists led to" not in page_of(owner, version)


def test_what_never_served_is_not_looked_for(owner: Client, version: ModelVersion) -> None:
    ModelVersion.objects.update(promoted_at=None, status=_Status.CANDIDATE)
    shown(make_person(), "hat")
    assert "What lists led to" not in page_of(owner, version)


def test_many_lists_cost_no_more_queries_than_one(
    owner: Client, version: ModelVersion, django_assert_num_queries: Any
) -> None:
    def one() -> None:
        person = make_person()
        shown(person, "hat")
        look_at(person, "hat", minutes=5)

    one()
    page_of(owner, version)
    with CaptureQueriesContext(connection) as first:
        page_of(owner, version)
    for _ in range(15):
        one()
    with django_assert_num_queries(len(first)):
        assert told(owner.get(address_of("change", version.pk))) == [("recommend 7", 16, 16)]
