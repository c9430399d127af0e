"""Webhooks are told: in order, at least once, and not for ever."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connections
from django.utils import timezone

from personalization import tasks
from personalization.profiles.models import Identity, Profile
from personalization.segments import deliveries
from personalization.segments.deliveries import (
    KEPT,
    LEASE,
    LONGEST_PAUSE,
    MOST_ATTEMPTS,
    PAUSE,
    deliver_webhooks,
    pause_after,
    ping,
    retry,
)
from personalization.segments.manual import add_members, remove_members
from personalization.segments.models import Segment, Webhook, WebhookDelivery
from personalization.segments.signature import HEADER, is_signed
from tests.segments.receiving import Receiver, receiver
from tests.segments.test_webhooks import make_webhook

__all__ = ["receiver"]

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
RNG = Random(7)


@pytest.fixture
def vips(make_segment: Callable[..., Segment]) -> Segment:
    return make_segment("vips")


@pytest.fixture
def ann(make_profile: Callable[..., Profile]) -> Profile:
    return make_profile(identity="ann-1")


def keep(webhook: Webhook, *, at: datetime = NOW, **fields: Any) -> WebhookDelivery:
    payload = {
        "changes": [
            {"type": "entered", "segment": "vips", "profileId": 1, "at": at.isoformat()},
        ]
    }
    return WebhookDelivery.objects.create(
        **{"webhook": webhook, "payload": payload, "created_at": at, "next_at": at, **fields}
    )


def state(delivery: WebhookDelivery) -> tuple[str, int, int | None]:
    delivery.refresh_from_db()
    return delivery.status, delivery.attempts, delivery.response_status


def test_a_change_arrives_with_who_it_is_about(
    receiver: Receiver, vips: Segment, ann: Profile
) -> None:
    for namespace in ("user", "email", Identity.CLAIMED):
        Identity.objects.create(profile=ann, namespace=namespace, value=f"ann-{namespace}")
    webhook = make_webhook(url=receiver.url)
    add_members(vips, [ann.pk], now=NOW)
    now = timezone.now()
    assert deliver_webhooks(now=now) == 1
    [request] = receiver.received
    delivery = webhook.deliveries.get()
    assert request.json == {
        "id": str(delivery.pk),
        "type": "segments.changed",
        "createdAt": delivery.created_at.isoformat(),
        "changes": [
            {
                "type": "entered",
                "segment": "vips",
                "profileId": ann.pk,
                "at": "2026-03-01T12:00:00+00:00",
                "identities": [
                    {"namespace": "anonymous", "value": "ann-1"},
                    {"namespace": "user", "value": "ann-user"},
                    {"namespace": "email", "value": "ann-email"},
                ],
            }
        ],
    }
    assert state(delivery) == ("delivered", 1, 200)
    assert (delivery.delivered_at, delivery.next_at) == (now, None)
    assert deliver_webhooks(now=now + HOUR) == 0


def test_a_request_is_signed_and_has_an_id(receiver: Receiver) -> None:
    webhook = make_webhook(url=receiver.url, secret="whsec_secret")
    delivery = keep(webhook)
    deliver_webhooks(now=NOW)
    [request] = receiver.received
    assert is_signed(request.body, header=request.headers[HEADER], secret="whsec_secret", now=NOW)
    assert not is_signed(request.body, header=request.headers[HEADER], secret="other", now=NOW)
    assert request.headers["X-Personalization-Delivery"] == str(delivery.pk)
    assert request.headers["Content-Type"] == "application/json"


def test_a_ping_arrives_as_one_and_does_not_wait(receiver: Receiver) -> None:
    webhook = make_webhook(url=receiver.url, active=False)
    waiting = keep(webhook)
    sent = ping(webhook, now=NOW)
    [request] = receiver.received
    assert (request.json["type"], request.json["changes"]) == ("ping", [])
    assert request.json["id"] == str(sent.pk)
    assert state(sent) == ("delivered", 1, 200)
    assert state(waiting) == ("waiting", 0, None)


def test_a_ping_that_fails_is_not_tried_again(receiver: Receiver) -> None:
    receiver.statuses = [500]
    sent = ping(make_webhook(url=receiver.url), now=NOW)
    assert state(sent) == ("failed", 1, 500)
    assert sent.error == "It answered 500."
    assert deliver_webhooks(now=NOW + timedelta(days=1)) == 0


def test_what_is_told_keeps_its_order(receiver: Receiver, vips: Segment, ann: Profile) -> None:
    make_webhook(url=receiver.url)
    for hour in range(3):
        add_members(vips, [ann.pk], now=NOW + 2 * hour * HOUR)
        remove_members(vips, [ann.pk], now=NOW + (2 * hour + 1) * HOUR)
    assert deliver_webhooks(now=timezone.now()) == 6
    assert [kind for kind, _, _ in receiver.changes] == ["entered", "left"] * 3


@pytest.mark.parametrize("status", [500, 503, 404, 302, 429])
def test_a_failure_is_tried_again_later(receiver: Receiver, status: int) -> None:
    receiver.statuses = [status, 200]
    delivery = keep(make_webhook(url=receiver.url))
    assert deliver_webhooks(now=NOW, rng=RNG) == 1
    assert state(delivery) == ("waiting", 1, status)
    assert str(status) in delivery.error
    assert delivery.next_at is not None
    assert NOW + PAUSE / 2 <= delivery.next_at <= NOW + PAUSE
    assert deliver_webhooks(now=NOW + PAUSE / 2 - MINUTE / 60) == 0
    assert deliver_webhooks(now=delivery.next_at) == 1
    assert state(delivery) == ("delivered", 2, 200)
    assert delivery.error == ""


def test_younger_ones_wait_for_the_oldest_of_their_webhook_only(receiver: Receiver) -> None:
    receiver.statuses = [500, 200]
    slow, other = make_webhook(url=receiver.url), make_webhook(url=receiver.url)
    first, second = keep(slow), keep(slow)
    elsewhere = keep(other, at=NOW + MINUTE / 60)
    assert deliver_webhooks(now=NOW + MINUTE / 60) == 2
    assert [state(each)[0] for each in (first, second, elsewhere)] == [
        "waiting", "waiting", "delivered",
    ]  # fmt: skip
    assert deliver_webhooks(now=NOW + HOUR) == 2
    sent = [request.json["id"] for request in receiver.received]
    assert sent == [str(each.pk) for each in (first, elsewhere, first, second)]


def test_it_is_given_up_in_the_end_and_the_next_gets_its_turn(
    receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    receiver.statuses = [500] * MOST_ATTEMPTS + [200]
    webhook = make_webhook(url=receiver.url)
    first, second = keep(webhook), keep(webhook)
    now = NOW
    while state(first)[0] == "waiting":
        assert first.next_at is not None
        now = max(now, first.next_at)
        deliver_webhooks(now=now, rng=RNG)
    assert state(first) == ("failed", MOST_ATTEMPTS, 500)
    assert first.next_at is None
    assert HOUR * 12 < now - NOW < timedelta(days=2)
    assert "is not told of delivery" in caplog.text
    deliver_webhooks(now=now)
    assert state(second) == ("delivered", 1, 200)


def test_who_says_that_it_is_gone_is_not_asked_again(receiver: Receiver) -> None:
    receiver.statuses = [410]
    delivery = keep(make_webhook(url=receiver.url))
    deliver_webhooks(now=NOW)
    assert state(delivery) == ("failed", 1, 410)


def test_an_address_inside_is_refused_and_the_reason_kept(settings: Any) -> None:
    settings.PERSONALIZATION_OUTBOUND_NETWORKS = ()
    delivery = keep(make_webhook(url="http://127.0.0.1:9/hook"))
    deliver_webhooks(now=NOW)
    assert state(delivery) == ("waiting", 1, None)
    assert "127.0.0.1, which is not public" in delivery.error


def test_a_webhook_that_is_off_is_told_when_it_is_on_again(receiver: Receiver) -> None:
    webhook = make_webhook(url=receiver.url, active=False)
    delivery = keep(webhook)
    assert deliver_webhooks(now=NOW) == 0
    Webhook.objects.update(active=True)
    assert deliver_webhooks(now=NOW) == 1
    assert state(delivery)[0] == "delivered"


def test_what_a_dead_worker_had_begun_is_sent_when_its_lease_is_over(receiver: Receiver) -> None:
    delivery = keep(make_webhook(url=receiver.url))
    assert deliveries._claim(NOW) == delivery  # and then it dies
    assert deliver_webhooks(now=NOW + LEASE - MINUTE) == 0
    assert deliver_webhooks(now=NOW + LEASE) == 1
    assert state(delivery) == ("delivered", 2, 200)


def test_a_worker_that_took_too_long_undoes_nothing(receiver: Receiver) -> None:
    delivery = keep(make_webhook(url=receiver.url))
    late = deliveries._claim(NOW)
    assert late is not None
    deliver_webhooks(now=NOW + LEASE)
    deliveries._record(late, deliveries.Outcome(status=500, error="no"), now=NOW, rng=RNG)
    assert state(delivery) == ("delivered", 2, 200)


def test_what_fails_every_worker_is_given_up_too(receiver: Receiver) -> None:
    receiver.statuses = [500]
    delivery = keep(make_webhook(url=receiver.url), attempts=MOST_ATTEMPTS - 1)
    deliver_webhooks(now=NOW)
    assert state(delivery) == ("failed", MOST_ATTEMPTS, 500)


def test_a_person_can_have_it_tried_once_more(receiver: Receiver) -> None:
    webhook = make_webhook(url=receiver.url)
    fields = {"attempts": MOST_ATTEMPTS, "next_at": None, "error": "It answered 500."}
    given_up, done = keep(webhook, status="failed", **fields), keep(webhook, status="delivered")
    assert retry(WebhookDelivery.objects.all(), now=NOW) == 1
    assert deliver_webhooks(now=NOW) == 1
    assert state(given_up) == ("delivered", MOST_ATTEMPTS + 1, 200)
    assert state(done)[1] == 0


def test_no_request_is_begun_when_patience_is_over(receiver: Receiver) -> None:
    webhook = make_webhook(url=receiver.url)
    for _ in range(3):
        keep(webhook)
    assert deliver_webhooks(now=NOW, patience=0) == 0
    assert deliver_webhooks(now=NOW, patience=60) == 3


def test_old_rows_go(receiver: Receiver) -> None:
    webhook = make_webhook(url=receiver.url)
    old = NOW - KEPT - MINUTE
    for status in ("delivered", "failed", "waiting"):
        keep(webhook, at=old, status=status)
    young = keep(webhook, at=NOW - KEPT + MINUTE, status="delivered")
    deliver_webhooks(now=NOW)
    assert list(WebhookDelivery.objects.all()) == [young]
    assert receiver.received == []


def test_the_site_says_how_long_a_delivery_is_kept(settings: Any) -> None:
    settings.PERSONALIZATION_RETENTION_OF = {"webhook deliveries": 2 * KEPT}
    keep(make_webhook(), at=NOW - KEPT - MINUTE, status="delivered")
    deliver_webhooks(now=NOW)
    assert WebhookDelivery.objects.count() == 1
    deliver_webhooks(now=NOW + KEPT)
    assert not WebhookDelivery.objects.exists()


@pytest.mark.parametrize("attempts", range(1, MOST_ATTEMPTS + 1))
def test_pauses_double_up_to_the_longest_and_differ_by_chance(attempts: int) -> None:
    whole = min(PAUSE * 2 ** (attempts - 1), LONGEST_PAUSE)
    pauses = {pause_after(attempts, rng=Random(seed)) for seed in range(50)}
    assert all(whole / 2 <= pause <= whole for pause in pauses)
    assert len(pauses) > 40


@pytest.mark.parametrize("work", [tasks.deliver_webhooks_task, None])
def test_the_task_and_the_command_do_the_same(receiver: Receiver, work: Any, capsys: Any) -> None:
    keep(make_webhook(url=receiver.url), at=timezone.now())
    if work:
        assert work() == 1
    else:
        call_command("deliver_webhooks")
        assert capsys.readouterr().out == "1 requests sent.\n"
    assert len(receiver.received) == 1


def test_the_worker_without_celery_tells_webhooks_too(receiver: Receiver) -> None:
    keep(make_webhook(url=receiver.url), at=timezone.now())
    call_command("run_worker", "--once")
    assert len(receiver.received) == 1


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_several_workers_tell_everything_once(receiver: Receiver) -> None:
    webhooks = [make_webhook(url=receiver.url) for _ in range(3)]
    rows = [keep(webhook) for _ in range(8) for webhook in webhooks]

    def work() -> None:
        try:
            for _ in range(20):
                deliver_webhooks(now=NOW)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sent = [request.json["id"] for request in receiver.received]
    assert sorted(sent) == sorted(str(row.pk) for row in rows)
    for webhook in webhooks:
        mine = [str(row.pk) for row in rows if row.webhook_id == webhook.pk]
        assert [each for each in sent if each in mine] == mine
