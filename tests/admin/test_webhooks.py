"""Webhooks in the admin: made, tested, signed anew, and what became of what they were told."""

from __future__ import annotations

import html
import re
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from personalization.segments.models import Webhook, WebhookDelivery
from personalization.segments.signature import HEADER, is_signed
from tests.segments.receiving import receiver

__all__ = ["receiver"]

pytestmark = pytest.mark.django_db

ADD = reverse("admin:personalization_webhook_add")
LIST = reverse("admin:personalization_webhook_changelist")
DELIVERIES = reverse("admin:personalization_webhookdelivery_changelist")
FORM = {"name": "CRM", "url": "https://crm.example/hook", "entered": "on", "active": "on"}


@pytest.fixture
def webhook():
    return Webhook.objects.create(
        name="CRM", url="https://crm.example/hook", secret="whsec_abcdefghijklmnop"
    )


def address(name, webhook):
    return reverse(f"admin:personalization_webhook_{name}", args=[webhook.pk])


def keep(webhook, **fields) -> WebhookDelivery:
    change = {"type": "entered", "segment": "vips", "profileId": 1, "at": "2026-03-01T12:00:00Z"}
    return WebhookDelivery.objects.create(
        **{"webhook": webhook, "payload": {"changes": [change] * 3}, **fields}
    )


def text_of(response) -> str:
    assert response.status_code == 200
    return html.unescape(response.content.decode())


def secret_in(response) -> str:
    found = re.findall(r"whsec_[\w-]{40,}", text_of(response))
    assert len(found) == 1
    return found[0]


# -- secret ------------------------------------------------------------------------------


def test_a_new_webhook_shows_its_secret_once(owner):
    response = owner.post(ADD, FORM)
    webhook = Webhook.objects.get()
    assert secret_in(response) == webhook.secret
    assert "no-store" in response["Cache-Control"]
    assert (webhook.entered, webhook.left, webhook.active) == (True, False, True)
    page = text_of(owner.get(address("change", webhook)))
    assert webhook.secret not in page
    assert webhook.secret[:10] in page
    assert webhook.secret not in text_of(owner.get(LIST))


def test_saving_again_keeps_the_secret(owner, webhook):
    assert owner.post(address("change", webhook), {**FORM, "name": "New"}).status_code == 302
    webhook.refresh_from_db()
    assert (webhook.name, webhook.secret) == ("New", "whsec_abcdefghijklmnop")


def test_a_new_secret_replaces_the_old_one(owner, webhook):
    page = text_of(owner.get(address("secret", webhook)))
    assert "Make a new secret" in page
    webhook.refresh_from_db()
    assert webhook.secret == "whsec_abcdefghijklmnop"
    response = owner.post(address("secret", webhook))
    webhook.refresh_from_db()
    assert secret_in(response) == webhook.secret != "whsec_abcdefghijklmnop"


# -- form --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "field", "said"),
    [
        ({"url": "ftp://crm.example/"}, "url", "'ftp' cannot be called. Allowed: http, https"),
        ({"url": "crm.example"}, "url", "cannot be called"),
        ({"url": "https://me:x@crm.example/"}, "url", "no user and no password"),
        ({"url": "https://"}, "url", "names no host"),
        ({"url": "javascript:alert(1)"}, "url", "'javascript' cannot be called"),
        ({"url": ""}, "url", "required"),
        ({"url": "https://crm.example/" + "x" * 500}, "url", "at most 500"),
        ({"entered": ""}, "entered", "nothing to tell"),
        ({"name": ""}, "name", "required"),
        ({"segment": "999"}, "segment", "valid choice"),
    ],
)
def test_what_cannot_be_told_is_refused(owner, fields, field, said):
    page = owner.post(ADD, {**FORM, **fields})
    assert page.status_code == 200
    assert said in " ".join(page.context["adminform"].form.errors[field])
    assert not Webhook.objects.exists()


def test_a_webhook_of_one_segment_is_listed_with_it(owner, webhook, make_segment):
    vips = make_segment("vips", name="The important")
    owner.post(ADD, {**FORM, "name": "Mailing", "segment": vips.pk, "left": "on"})
    text = text_of(owner.get(LIST))
    assert "The important" in text
    assert "every segment" in text


# -- test --------------------------------------------------------------------------------


def test_a_test_says_what_was_answered(owner, webhook, receiver):
    Webhook.objects.update(url=receiver.url)
    text = text_of(owner.post(address("ping", webhook), follow=True))
    assert "The test arrived: it answered 200." in text
    [request] = receiver.received
    assert request.json["type"] == "ping"
    assert is_signed(
        request.body, header=request.headers[HEADER], secret=webhook.secret, now=timezone.now()
    )


def test_a_test_says_what_went_wrong(owner, webhook, receiver, settings):
    receiver.statuses = [500]
    Webhook.objects.update(url=receiver.url)
    text = text_of(owner.post(address("ping", webhook), follow=True))
    assert "The test failed: It answered 500." in text
    settings.PERSONALIZATION_OUTBOUND_NETWORKS = ()
    text = text_of(owner.post(address("ping", webhook), follow=True))
    assert "The test failed: 127.0.0.1 is 127.0.0.1, which is not public." in text
    assert len(receiver.received) == 1


def test_only_a_post_sends_a_test(owner, webhook, receiver):
    Webhook.objects.update(url=receiver.url)
    assert owner.get(address("ping", webhook)).status_code == 403
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = owner.cookies
    assert strict.post(address("ping", webhook)).status_code == 403
    assert receiver.received == []


# -- deliveries --------------------------------------------------------------------------


def test_what_it_was_told_is_listed(owner, webhook):
    keep(webhook, status="delivered", attempts=1, response_status=204)
    keep(
        webhook,
        attempts=2,
        error="It answered 500.",
        next_at=timezone.now() + timedelta(minutes=5),
    )
    keep(webhook, status="failed", attempts=14, error="crm.example cannot be found.", payload={})
    page = text_of(owner.get(address("change", webhook)))
    for said in ("204", "It answered 500.", "again on", "cannot be found", "a test", "given up"):
        assert said in page
    listed = text_of(owner.get(DELIVERIES))
    assert listed.count("3 changes of vips") == 2
    row = text_of(owner.get(LIST)).split('class="field-waiting">')[1]
    assert row.startswith("1<")


def test_one_delivery_can_be_looked_at(owner, webhook):
    delivery = keep(webhook, status="failed", error="It answered 500.")
    page = reverse("admin:personalization_webhookdelivery_change", args=[delivery.pk])
    text = text_of(owner.get(page))
    assert "It answered 500." in text
    assert "profileId" in text


def test_what_was_given_up_can_be_tried_again(owner, webhook):
    failed, delivered, other = (
        keep(webhook, status=status, attempts=14) for status in ("failed", "delivered", "failed")
    )
    form = {"action": "try_again", "_selected_action": [failed.pk, delivered.pk]}
    text = text_of(owner.post(DELIVERIES, form, follow=True))
    assert "1 delivery is tried again." in text
    for delivery, status in ((failed, "waiting"), (delivered, "delivered"), (other, "failed")):
        delivery.refresh_from_db()
        assert delivery.status == status
    assert failed.next_at <= timezone.now()
    text = text_of(owner.post(DELIVERIES, form, follow=True))
    assert "0 deliveries are tried again." in text


def test_nobody_writes_deliveries_by_hand(owner, webhook):
    delivery = keep(webhook)
    assert owner.get(reverse("admin:personalization_webhookdelivery_add")).status_code == 403
    page = reverse("admin:personalization_webhookdelivery_change", args=[delivery.pk])
    assert owner.post(page, {"status": "delivered"}).status_code == 403


def test_deleting_a_webhook_counts_what_goes_along(owner, webhook):
    for _ in range(30):
        keep(webhook)
    page = address("delete", webhook)
    assert "30 deliveries" in text_of(owner.get(page))
    assert owner.post(page, {"post": "yes"}).status_code == 302
    assert not WebhookDelivery.objects.exists()


# -- permissions -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("codenames", "seen", "changed"),
    [
        ((), 403, 403),
        (("view_segment", "change_segment"), 403, 403),
        (("view_webhook",), 200, 403),
        (("change_webhook",), 200, 200),
    ],
)
def test_who_may_see_sees_and_who_may_change_changes(
    sign_in, webhook, receiver, codenames, seen, changed
):
    Webhook.objects.update(url=receiver.url)
    client = sign_in(*codenames)
    assert client.get(address("change", webhook)).status_code == seen
    assert client.get(LIST).status_code == seen
    assert client.get(address("secret", webhook)).status_code == changed
    assert client.post(address("secret", webhook)).status_code == changed
    assert client.post(address("ping", webhook), follow=True).status_code == changed
    assert len(receiver.received) == (changed == 200)
    webhook.refresh_from_db()
    assert (webhook.secret != "whsec_abcdefghijklmnop") == (changed == 200)


def test_who_may_only_see_tries_nothing_again(sign_in, webhook):
    failed = keep(webhook, status="failed")
    client = sign_in("view_webhookdelivery")
    form = {"action": "try_again", "_selected_action": [failed.pk]}
    client.post(DELIVERIES, form)
    failed.refresh_from_db()
    assert failed.status == "failed"
    assert "Try again what was given up" not in text_of(client.get(DELIVERIES))


def test_a_webhook_that_is_not_there_is_not_found(owner):
    for name in ("secret", "ping"):
        page = reverse(f"admin:personalization_webhook_{name}", args=[999])
        told = text_of(owner.post(page, follow=True))
        assert "There is no such webhook any more." in told
