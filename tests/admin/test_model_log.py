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
from personalization.ml.training.drifting import keep
from personalization.ml.training.list_clicks import clicks_of
from personalization.ml.training.watched import Watched
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
    return [(one.by, one.clicked, one.lists) for one, *_ in response.context["lists"]]


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


def test_what_was_not_trained_has_no_rows_or_lists(owner: Client, version: ModelVersion) -> None:
    ModelVersion.objects.update(checksum="")
    page = page_of(owner, version)
    assert "Rows in the log" not in page
    assert "What lists led to" not in page


def test_rows_that_are_people_are_told_too_and_they_have_no_lists(
    owner: Client, version: ModelVersion
) -> None:
    for _ in range(3):
        look_at(make_person(), "hat")
    ModelVersion.objects.update(name="cluster.personas", algorithm="personas", rows=5)
    page = page_of(owner, version)
    assert "made of 5 rows, and the log has 3 now: visitors were erased" in page
    assert "What lists led to" not in page


def test_people_who_may_be_drawn_of_many_are_counted_when_asked_for(
    owner: Client, version: ModelVersion
) -> None:
    ModelVersion.objects.update(name="cluster.personas", rows=model_log.PEOPLE_AT_ONCE + 1)
    assert 'href="?count=1' in page_of(owner, version)


# -- lists ---------------------------------------------------------------------------------


def test_lists_of_the_version_come_first_then_popularity_and_other_versions(
    owner: Client, version: ModelVersion
) -> None:
    ModelVersion.objects.create(
        name="recommend", number=6, status=_Status.RETIRED, promoted_at=timezone.now() - 9 * DAY
    )
    people = [make_person() for _ in range(4)]
    shown(people[0], "hat", "shoe")
    look_at(people[0], "shoe", minutes=5)
    for person in people[1:3]:
        shown(person, "hat", model="popularity")
    shown(people[3], "hat", model="recommend 6")
    response = owner.get(address_of("change", version.pk))
    assert told(response) == [("recommend 7", 1, 1), ("popularity", 0, 2), ("recommend 6", 0, 1)]
    page = text_of(response)
    assert "100.0 %" in page
    assert "20.7 % to 100.0 %" in page
    assert "Too few lists to compare: recommend 7 has 1, needs 100." in page


def test_a_version_that_filled_no_list_says_so_beside_popularity(
    owner: Client, version: ModelVersion
) -> None:
    shown(make_person(), "hat", model="popularity")
    response = owner.get(address_of("change", version.pk))
    assert told(response) == [("popularity", 0, 1)]
    assert "No list of recommend 7 was shown since" in text_of(response)


def test_where_no_list_was_shown_of_late_that_is_said(owner: Client, version: ModelVersion) -> None:
    shown(make_person(), "hat", minutes=31 * 24 * 60)
    assert "No list was shown since" in page_of(owner, version)


def test_what_the_daily_look_found_is_shown_as_it_was(owner: Client, version: ModelVersion) -> None:
    now = timezone.now()
    keep(Watched(version=version, at=now, clicks=clicks_of(version, now=now)))
    shown(make_person(), "hat")
    assert "No list was shown since" in page_of(owner, version)


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


def test_versions_that_served_of_late_cost_no_queries(
    owner: Client, version: ModelVersion, django_assert_num_queries: Any
) -> None:
    """A recommender is trained each night, and each version of a month has filled lists."""

    def served(number: int, *, days: int) -> None:
        ModelVersion.objects.create(
            name="recommend", number=number, status=_Status.RETIRED,
            promoted_at=timezone.now() - days * DAY,
        )  # fmt: skip
        person = make_person()
        shown(person, "hat", model=f"recommend {number}")
        look_at(person, "hat", minutes=5)

    served(6, days=2)
    page_of(owner, version)
    with CaptureQueriesContext(connection) as first:
        page_of(owner, version)
    for number in range(1, 6):
        served(number, days=10 - number)
    with django_assert_num_queries(len(first)):
        found = told(owner.get(address_of("change", version.pk)))
    assert found == [(f"recommend {number}", 1, 1) for number in (6, 5, 4, 3, 2, 1)]
