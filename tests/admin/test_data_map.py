"""The data map in the admin: of the site, and of nobody."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from personalization.admin import data_map as page
from personalization.events.models import Event
from personalization.profiles.models import Profile
from personalization.profiles.stores import stores
from personalization.segments.models import Segment
from tests.reports.conftest import NOW
from tests.rules.building import happened, rule

pytestmark = pytest.mark.django_db


def shown(client: Client) -> str:
    response = client.get(reverse("admin:personalization_report_data_map"))
    assert response.status_code == 200
    return response.content.decode()


@pytest.fixture
def watched(
    make_profile: Callable[..., Profile], make_event: Callable[..., Event]
) -> Callable[..., None]:
    def watch(name: str = "Video Watched", **properties: Any) -> None:
        make_event(make_profile(), name, at=NOW, properties=properties)

    return watch


def test_every_store_is_on_it_with_its_tables(owner: Client) -> None:
    text = shown(owner)
    for name, store in stores.items():
        assert f"<summary>{name.capitalize()}" in text
        for model in store.models:
            assert f"<code>{model._meta.db_table}</code>" in text


def test_what_the_tracker_collects_comes_with_the_reason(
    owner: Client, make_segment: Callable[..., Segment]
) -> None:
    make_segment("readers", rule(happened("Scroll Depth Reached")))
    text = shown(owner)
    assert "segment “Readers”" in text
    assert "This site collects all that it can" not in text


def test_a_site_that_collects_all_is_told_so(owner: Client, settings: Any) -> None:
    settings.PERSONALIZATION_COLLECT = "all"
    assert "This site collects all that it can" in shown(owner)


def test_what_is_held_and_not_used_is_listed(
    owner: Client, watched: Callable[..., None], make_segment: Callable[..., Segment]
) -> None:
    watched(genre="noir")
    assert "<code>Video Watched</code>" in shown(owner)
    make_segment("fans", rule(happened("Video Watched")))
    text = shown(owner)
    assert "<code>Video Watched</code>" not in text
    assert "<code>genre</code>" in text
    assert "of Video Watched" in text


def test_where_everything_is_used_it_says_so(owner: Client) -> None:
    assert "Everything that is held is used." in shown(owner)


def test_what_people_did_is_not_on_it(owner: Client, watched: Callable[..., None]) -> None:
    watched(genre="what somebody likes")
    assert "what somebody likes" not in shown(owner)


def test_names_are_escaped(owner: Client, watched: Callable[..., None]) -> None:
    watched("<script>alert(1)</script>")
    text = shown(owner)
    assert "<script>alert(1)" not in text
    assert "&lt;script&gt;alert(1)" in text


def test_where_counting_takes_too_long_the_rest_is_shown(
    owner: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(*_args: Any) -> Any:
        raise OperationalError("interrupted")

    monkeypatch.setattr(page, "held", slow)
    text = shown(owner)
    assert "manage.py data_map --unused" in text
    assert "<summary>Events" in text


def test_it_takes_as_many_queries_however_much_is_held(
    owner: Client, watched: Callable[..., None]
) -> None:
    watched(genre="noir")
    shown(owner)
    with CaptureQueriesContext(connection) as few:
        shown(owner)
    for number in range(5):
        watched(f"Event {number}", genre="noir")
    with CaptureQueriesContext(connection) as many:
        shown(owner)
    assert len(many) == len(few)


def test_who_may_see_reports_sees_it(sign_in: Callable[..., Client]) -> None:
    assert "Data map" in shown(sign_in("view_report"))


@pytest.mark.parametrize("codename", ["publish_report", "view_profile", "change_segment"])
def test_nobody_else_does(codename: str, sign_in: Callable[..., Client]) -> None:
    address = reverse("admin:personalization_report_data_map")
    assert sign_in(codename).get(address).status_code == 403


def test_it_is_only_looked_at(owner: Client) -> None:
    assert owner.post(reverse("admin:personalization_report_data_map")).status_code == 405
