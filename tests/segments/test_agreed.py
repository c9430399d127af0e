"""A webhook is told only of who agreed to what its receiver uses it for."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from personalization.privacy.consent import record_consent
from personalization.privacy.models import Mechanism
from personalization.profiles.identity import Key
from personalization.profiles.models import Identity
from personalization.segments.agreed import agreed_profiles
from personalization.segments.deliveries import deliver_webhooks, message
from personalization.segments.manual import add_members, remove_members
from personalization.segments.models import Segment, WebhookDelivery
from tests.segments.receiving import Receiver, receiver
from tests.segments.test_webhooks import kept, make_webhook

__all__ = ["receiver"]

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def vips(make_segment: Callable[..., Segment]) -> Segment:
    return make_segment("vips")


def answer(who: str, *granted: str, at: datetime = NOW) -> int:
    key = Key(Identity.ANONYMOUS, who)
    return record_consent(key, granted=granted, mechanism=Mechanism.BANNER, now=at).profile_id


def kinds(webhook: Any) -> list[str]:
    return [kind for kind, _, _ in kept(webhook)]


def test_each_webhook_hears_of_who_agreed_to_its_purpose(vips: Segment) -> None:
    ads, all_of_it = answer("ads", "marketing"), answer("all", "marketing", "personalization")
    nothing = answer("nothing")
    marketing = make_webhook(purpose="marketing")
    personalization = make_webhook(purpose="personalization")
    necessary = make_webhook(purpose="necessary")
    add_members(vips, [ads, all_of_it, nothing], now=NOW + HOUR)
    assert {number for _, _, number in kept(marketing)} == {ads, all_of_it}
    assert {number for _, _, number in kept(personalization)} == {all_of_it}
    assert {number for _, _, number in kept(necessary)} == {ads, all_of_it, nothing}


def test_who_takes_the_answer_back_is_told_of_as_gone(vips: Segment) -> None:
    profile = answer("a", "marketing")
    webhook = make_webhook(purpose="marketing")
    add_members(vips, [profile], now=NOW + HOUR)
    answer("a", at=NOW + 2 * HOUR)
    remove_members(vips, [profile], now=NOW + 3 * HOUR)
    assert kinds(webhook) == ["entered", "left"]


def test_of_whose_entry_was_not_told_the_departure_is_not_either(vips: Segment) -> None:
    profile = answer("a", "analytics")
    webhook = make_webhook(purpose="marketing")
    add_members(vips, [profile], now=NOW + HOUR)
    remove_members(vips, [profile], now=NOW + 2 * HOUR)
    assert kinds(webhook) == []


def test_a_yes_before_the_last_entry_does_not_count_when_it_was_taken_back(vips: Segment) -> None:
    profile = answer("a", "marketing")
    answer("a", at=NOW + HOUR)
    webhook = make_webhook(purpose="marketing")
    add_members(vips, [profile], now=NOW + 2 * HOUR)
    remove_members(vips, [profile], now=NOW + 3 * HOUR)
    assert kinds(webhook) == []


def test_who_takes_the_answer_back_before_it_is_sent_is_left_out(
    vips: Segment, receiver: Receiver
) -> None:
    stays, goes = answer("stays", "marketing"), answer("goes", "marketing")
    make_webhook(purpose="marketing", url=receiver.url)
    add_members(vips, [stays, goes], now=NOW + HOUR)
    answer("goes", at=NOW + 2 * HOUR)
    [delivery] = WebhookDelivery.objects.all()
    assert [change["profileId"] for change in message(delivery)["changes"]] == [stays]


def test_where_nobody_is_left_to_tell_of_nothing_is_sent(vips: Segment, receiver: Receiver) -> None:
    profile = answer("a", "marketing")
    make_webhook(purpose="marketing", url=receiver.url)
    add_members(vips, [profile], now=NOW + HOUR)
    answer("a", at=NOW + 2 * HOUR)
    [delivery] = WebhookDelivery.objects.all()
    deliver_webhooks(now=delivery.next_at)
    delivery.refresh_from_db()
    assert delivery.status == "delivered"
    assert receiver.received == []


def test_what_is_necessary_needs_no_answer_and_no_query() -> None:
    with CaptureQueriesContext(connection) as queries:
        assert agreed_profiles([1, 2], purpose="necessary") == {1, 2}
        assert agreed_profiles([], purpose="marketing") == frozenset()
    assert len(queries) == 0
