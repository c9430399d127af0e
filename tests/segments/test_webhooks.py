"""What is kept for webhooks: exactly what happened, in the transaction in which it did."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from personalization import hints
from personalization.profiles.models import Profile
from personalization.segments.manual import add_members, remove_members
from personalization.segments.models import Segment, Webhook, WebhookDelivery
from personalization.segments.refresh import refresh_segments
from personalization.segments.settle import settle_memberships
from personalization.segments.webhooks import MOST_CHANGES
from personalization.types import Purpose

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def make_webhook(**fields: Any) -> Webhook:
    return Webhook.objects.create(
        **{
            "name": "CRM",
            "url": "https://crm.example/hook",
            "secret": "whsec_x",
            "purpose": Purpose.NECESSARY,
            **fields,
        }
    )


def kept(webhook: Webhook) -> list[tuple[str, str, int]]:
    """Return the changes that wait for the webhook, in order."""
    return [
        (change["type"], change["segment"], change["profileId"])
        for delivery in webhook.deliveries.order_by("pk")
        for change in delivery.payload["changes"]
    ]


@pytest.fixture
def vips(make_segment: Callable[..., Segment]) -> Segment:
    return make_segment("vips")


@pytest.fixture
def ann(make_profile: Callable[..., Profile]) -> Profile:
    return make_profile()


def test_entries_and_departures_are_kept_in_order(vips: Segment, ann: Profile) -> None:
    webhook = make_webhook()
    add_members(vips, [ann.pk], now=NOW)
    remove_members(vips, [ann.pk], now=NOW + HOUR)
    add_members(vips, [ann.pk], now=NOW + 2 * HOUR)
    assert kept(webhook) == [
        ("entered", "vips", ann.pk), ("left", "vips", ann.pk), ("entered", "vips", ann.pk),
    ]  # fmt: skip
    first = webhook.deliveries.earliest("pk")
    assert first.payload["changes"][0]["at"] == "2026-03-01T12:00:00+00:00"
    assert (first.status, first.attempts) == ("waiting", 0)
    assert first.next_at == first.created_at


def test_what_changes_nothing_is_not_told(vips: Segment, ann: Profile) -> None:
    webhook = make_webhook()
    add_members(vips, [ann.pk], now=NOW)
    add_members(vips, [ann.pk], now=NOW + HOUR)
    remove_members(vips, [ann.pk], now=NOW + 2 * HOUR)
    remove_members(vips, [ann.pk], now=NOW + 3 * HOUR)
    assert [kind for kind, _, _ in kept(webhook)] == ["entered", "left"]


def test_a_departure_by_time_alone_is_told_at_its_instant(vips: Segment, ann: Profile) -> None:
    webhook = make_webhook()
    add_members(vips, [ann.pk], now=NOW, until=NOW + HOUR)
    settle_memberships(now=NOW + 5 * HOUR)
    change = webhook.deliveries.latest("pk").payload["changes"][0]
    assert (change["type"], change["at"]) == ("left", "2026-03-01T13:00:00+00:00")


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"entered": False}, ["left"]),
        ({"left": False}, ["entered"]),
        ({"entered": False, "left": False}, []),
        ({"active": False}, []),
    ],
)
def test_a_webhook_is_told_only_what_it_asks_for(
    fields: dict[str, bool], told: list[str], vips: Segment, ann: Profile
) -> None:
    webhook = make_webhook(**fields)
    add_members(vips, [ann.pk], now=NOW)
    remove_members(vips, [ann.pk], now=NOW + HOUR)
    assert [kind for kind, _, _ in kept(webhook)] == told


def test_a_webhook_of_one_segment_hears_of_no_other(
    vips: Segment, ann: Profile, make_segment: Callable[..., Segment]
) -> None:
    other = make_segment("press")
    of_vips, of_all = make_webhook(segment=vips), make_webhook()
    add_members(other, [ann.pk], now=NOW)
    add_members(vips, [ann.pk], now=NOW)
    assert [slug for _, slug, _ in kept(of_vips)] == ["vips"]
    assert [slug for _, slug, _ in kept(of_all)] == ["press", "vips"]


def test_what_follows_from_a_rule_is_told_too(
    vips: Segment, ann: Profile, make_segment: Callable[..., Segment]
) -> None:
    rule = {
        "version": 1,
        "root": {"combinator": "and", "rules": [{"kind": "segment", "slug": "vips"}]},
    }
    make_segment("lounge", rule)
    refresh_segments(now=NOW)
    webhook = make_webhook()
    add_members(vips, [ann.pk], now=NOW)
    assert sorted(slug for _, slug, _ in kept(webhook)) == ["lounge", "vips"]


def test_many_changes_become_few_rows(vips: Segment, make_profile: Callable[..., Profile]) -> None:
    webhook = make_webhook()
    profiles = [make_profile().pk for _ in range(MOST_CHANGES + 20)]
    add_members(vips, profiles, now=NOW)
    assert [len(row.payload["changes"]) for row in webhook.deliveries.order_by("pk")] == [
        MOST_CHANGES, 20,
    ]  # fmt: skip
    assert [profile_id for _, _, profile_id in kept(webhook)] == profiles


def test_what_is_rolled_back_is_not_told(vips: Segment, ann: Profile) -> None:
    make_webhook()
    with transaction.atomic():
        add_members(vips, [ann.pk], now=NOW)
        transaction.set_rollback(True)
    assert not WebhookDelivery.objects.exists()


def test_a_worker_is_woken_where_there_is_something_to_tell(
    vips: Segment,
    ann: Profile,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: Callable[..., Any],
) -> None:
    sent: list[str] = []
    monkeypatch.setattr(hints, "_send", sent.append)
    with django_capture_on_commit_callbacks(execute=True):
        add_members(vips, [ann.pk], now=NOW)
    assert sent == []
    make_webhook()
    with django_capture_on_commit_callbacks(execute=True):
        remove_members(vips, [ann.pk], now=NOW)
    assert sent == [hints.DELIVER_WEBHOOKS]


def test_without_webhooks_a_change_costs_one_query_more_however_many_there_are(
    vips: Segment, make_profile: Callable[..., Profile]
) -> None:
    def asked(n: int) -> int:
        profiles = [make_profile().pk for _ in range(n)]
        with CaptureQueriesContext(connection) as queries:
            add_members(vips, profiles, now=NOW)
        return sum("personalization_webhook" in query["sql"] for query in queries)

    assert asked(1) == asked(30) == 1


def test_a_segment_that_goes_takes_its_webhook_along(vips: Segment, ann: Profile) -> None:
    make_webhook(segment=vips)
    add_members(vips, [ann.pk], now=NOW)
    vips.delete()
    assert not Webhook.objects.exists()
    assert not WebhookDelivery.objects.exists()
