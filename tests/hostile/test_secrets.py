"""No log tells what opens something: keys, cookies, tokens, passwords, whatever goes wrong."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

import pytest
from celery import current_app
from cryptography.fernet import Fernet
from django.contrib.auth.models import User
from django.db import DataError
from django.test import Client
from django.utils import timezone

from personalization import hints
from personalization.events.models import BufferedBatch
from personalization.privacy.erasure import finish
from personalization.privacy.erasure.finish import erase
from personalization.privacy.models import Erasure
from personalization.privacy.subjects import person_of
from personalization.profiles.identity import Key
from personalization.profiles.models import Identity, Snapshot
from personalization.profiles.visitor import new_visitor_id, signed, user_token
from personalization.segments.deliveries import MOST_ATTEMPTS, deliver_webhooks
from personalization.segments.models import Webhook, WebhookDelivery
from personalization.testing import drain
from personalization.types import Purpose
from tests.hostile.addresses import own_addresses
from tests.hostile.conftest import BROWSER_KEY, SERVER_KEY
from tests.hostile.ear import Ear, listening
from tests.hostile.tally import Prober
from tests.hostile.test_requests import basic
from tests.segments.receiving import Receiver, receiver

__all__ = ["receiver"]

PASSWORD, GUESS = "a-long-walk-in-the-hills", "a-guess-that-was-nearly-right"
KEY_IN_ADDRESS = "a-key-that-stands-in-an-address"
WRONG_KEY, WEBHOOK_SECRET = "a-write-key-of-another-site", "whsec_of-the-crm"
SERVER_PASSWORD, BROKER_PASSWORD = "the-password-of-redis", "the-password-of-the-broker"
OLD_KEY, NEW_KEY = (Fernet.generate_key().decode() for _ in range(2))
SECRETS = {
    SERVER_KEY, BROWSER_KEY, WRONG_KEY, PASSWORD, GUESS, WEBHOOK_SECRET, SERVER_PASSWORD,
    BROKER_PASSWORD, OLD_KEY, NEW_KEY, basic(SERVER_KEY), basic(WRONG_KEY),
}  # fmt: skip
OWN = {"sec-fetch-site": "same-origin"}


@pytest.fixture(autouse=True)
def ear(db: None) -> Iterator[Ear]:
    with listening() as ear:
        yield ear
    assert ear.with_any_of(frozenset(SECRETS)) == []


@pytest.fixture
def ada(stranger: Prober) -> Prober:
    """The browser of somebody with an account who agreed."""
    User.objects.create_user("ada", password=PASSWORD)
    stranger.post("/p/consent/", {"choice": "all"}, headers=OWN)
    assert stranger.login(username="ada", password=PASSWORD)
    assert len(cookies_of(stranger)) >= 2, "the visitor's and the session's"
    return stranger


def cookies_of(prober: Prober) -> frozenset[str]:
    """Return the values that open something: an answer about consent is no secret."""
    kept = {one.value for name, one in prober.cookies.items() if name != "pz_consent"}
    return frozenset(value for value in kept if value)


def test_the_ear_hears_whatever_may_tell_a_secret(ear: Ear) -> None:
    with listening() as other:
        said = logging.getLogger("django.db.backends.quiet")
        said.debug("a %s b", "in-the-arguments")
        said.debug("x", extra={"key": "in-the-extra"})
        try:
            raise ValueError("in-the-error")
        except ValueError:
            said.exception("y")
    for secret in ("in-the-arguments", "in-the-extra", "in-the-error"):
        assert len(other.with_any_of(frozenset({secret}))) == 1


@pytest.mark.parametrize("key", [SERVER_KEY, BROWSER_KEY, WRONG_KEY])
def test_no_key_or_cookie_that_comes_to_any_address(
    stranger: Prober, keys: None, ear: Ear, key: str
) -> None:
    visitor_id = new_visitor_id()
    visitor, token = signed(visitor_id), user_token("ada", visitor_id=visitor_id)
    stranger.cookies["pz_id"] = visitor
    body = {"type": "track", "event": "x", "userId": "ada", "writeKey": key, "userToken": token}
    for address in own_addresses():
        for data in (json.dumps(body), "{", json.dumps({"batch": [body, None]})):
            for headers in ({"authorization": basic(key)}, {"authorization": f"Bearer {key}"}, OWN):
                where = address.filled("evil")
                stranger.post(where, data, content_type="application/json", headers=headers)
    drain()
    assert ear.heard
    assert ear.with_any_of(frozenset({visitor, token})) == []


@pytest.mark.parametrize("is_known", [True, False])
def test_we_do_not_repeat_a_key_that_stands_in_an_address(
    stranger: Prober, keys: None, make_source: Callable[..., Any], ear: Ear, is_known: bool
) -> None:
    # What Django and web servers log of addresses is theirs, and the threat model says so.
    if is_known:
        make_source(write_key=KEY_IN_ADDRESS)
    for address in own_addresses():
        path = f"{address.filled('evil')}?writeKey={KEY_IN_ADDRESS}&api_secret={KEY_IN_ADDRESS}"
        for data in ('{"type": "track", "event": "x", "userId": "ada"}', "{"):
            stranger.post(path, data, content_type="application/json")
    drain()
    logging.getLogger("personalization.test").debug("of ours")
    assert [text for text in ear.heard if text.startswith("personalization")]
    told = ear.with_any_of(frozenset({KEY_IN_ADDRESS}))
    assert [text for text in told if text.startswith("personalization")] == []


def test_nothing_of_a_batch_that_cannot_be_stored(
    stranger: Prober, keys: None, ear: Ear, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: Any, **kwargs: Any) -> None:
        raise DataError("no room")

    body = json.dumps({"type": "track", "event": "x", "userId": "ada", "writeKey": SERVER_KEY})
    headers = {"authorization": basic(SERVER_KEY)}
    stranger.post("/p/v1/track", body, content_type="application/json", headers=headers)
    assert BufferedBatch.objects.exists()
    monkeypatch.setattr("personalization.ingest.pipeline.apply_events", fail)
    drain()
    assert any("failed" in text for text in ear.heard)


def test_nothing_of_who_visits_logs_in_and_asks_for_their_data(ada: Prober, ear: Ear) -> None:
    asked = json.dumps({"slots": ["hero"]})
    ada.post("/p/v1/decide", asked, content_type="application/json", headers=OWN)
    for password in (GUESS, PASSWORD):
        ada.post("/p/privacy/confirm/", {"password": password}, headers=OWN)
        for act in ("download", "correct", "erase"):
            form = {"of": "person", "sure": "yes", "trait": "x", "value": "1"}
            ada.post(f"/p/privacy/{act}/", form, headers=OWN)
            assert ear.with_any_of(cookies_of(ada)) == []
    for password in (GUESS, PASSWORD):
        ada.post("/admin/login/", {"username": "ada", "password": password})
    assert Erasure.objects.exists()
    assert ear.heard


@pytest.mark.parametrize("status", [200, 500])
def test_no_secret_of_a_webhook(receiver: Receiver, ear: Ear, status: int) -> None:
    receiver.statuses, now = [status], timezone.now()
    address = f"{receiver.url}&token={WEBHOOK_SECRET}"
    webhook = Webhook.objects.create(
        name="CRM", url=address, secret=WEBHOOK_SECRET, purpose=Purpose.NECESSARY
    )
    delivery = WebhookDelivery.objects.create(
        webhook=webhook, payload={}, created_at=now, next_at=now, attempts=MOST_ATTEMPTS - 1
    )
    assert deliver_webhooks(now=now, rng=Random(1)) == 1
    delivery.refresh_from_db()
    assert delivery.status == ("delivered" if status == 200 else "failed")
    signature = receiver.received[0].headers["X-Personalization-Signature"]
    assert ear.with_any_of(frozenset({signature})) == []
    assert any("is not told" in text for text in ear.heard) == (status == 500)


def test_no_secret_of_a_webhook_that_cannot_be_called(ear: Ear, settings: Any) -> None:
    settings.PERSONALIZATION_OUTBOUND_NETWORKS = ("127.0.0.1/32",)
    now = timezone.now()
    for url in ("http://127.0.0.1:1/", "http://127.0.0.1:x/", "ftp://crm.example/", "https://["):
        webhook = Webhook.objects.create(
            name="CRM", url=f"{url}?key={WEBHOOK_SECRET}", secret=WEBHOOK_SECRET,
            purpose=Purpose.NECESSARY,
        )  # fmt: skip
        WebhookDelivery.objects.create(
            webhook=webhook, payload={}, created_at=now, next_at=now, attempts=MOST_ATTEMPTS - 1
        )
    assert deliver_webhooks(now=now, rng=Random(1)) == 4
    assert len([text for text in ear.heard if "is not told" in text]) == 4


def test_an_erasure_that_fails_does_not_name_whom_it_is_about(
    make_profile: Callable[..., Any], ear: Ear, monkeypatch: pytest.MonkeyPatch
) -> None:
    visitor_id = new_visitor_id()
    make_profile(identity=visitor_id)

    def fail(needles: Any) -> None:
        raise DataError(f"row contains {visitor_id}")

    monkeypatch.setattr(finish, "search", fail)
    subject = person_of({Key(Identity.ANONYMOUS, visitor_id)})
    erasure = erase(subject, channel=Erasure.Channel.COMMAND, now=timezone.now())
    assert erasure.status == Erasure.Status.FAILED
    assert any("An erasure failed" in text for text in ear.heard)
    assert ear.with_any_of(frozenset({visitor_id})) == []


@pytest.mark.parametrize("keys_now", [(NEW_KEY,), ("no-key-" + NEW_KEY,), ()])
def test_no_key_of_traits_that_cannot_be_opened(
    staff: Prober, keys: None, settings: Any, keys_now: tuple[str, ...]
) -> None:
    settings.PERSONALIZATION_ENCRYPTED_TRAITS = ("email",)
    for known, name in (((OLD_KEY,), "a"), (keys_now, "b")):
        settings.PERSONALIZATION_ENCRYPTION_KEYS = known
        body = {"userId": "ada", "traits": {"email": f"{name}@example.com", "plan": "gold"}}
        headers = {"authorization": basic(SERVER_KEY)}
        staff.post("/p/v1/identify", body, content_type="application/json", headers=headers)
        drain()
    snapshot = Snapshot.objects.get()
    assert snapshot.traits["plan"] == "gold"
    staff.get(f"/admin/personalization/profile/{snapshot.pk}/change/")


@pytest.mark.redis
@pytest.mark.parametrize(
    "server", ["127.0.0.1:1/0", "127.0.0.1:6379/0", "127.0.0.1:port/0", "redis.invalid:6379/0"]
)
@pytest.mark.django_db(transaction=True)
def test_no_password_of_redis(
    client: Client, keys: None, settings: Any, ear: Ear, server: str
) -> None:
    settings.PERSONALIZATION_BUFFER = "personalization.events.buffers.redis.RedisBuffer"
    settings.PERSONALIZATION_REDIS_URL = f"redis://somebody:{SERVER_PASSWORD}@{server}"
    body = {"type": "track", "event": "x", "userId": "ada"}
    client.raise_request_exception = False
    response = client.post(
        "/p/v1/track",
        body,
        content_type="application/json",
        headers={"authorization": basic(SERVER_KEY)},
    )
    assert response.status_code == (500 if "port" in server else 503)
    assert SERVER_PASSWORD not in response.content.decode()
    assert ear.heard


def test_no_password_of_a_broker(ear: Ear, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hints, "_quiet_until", 0.0)
    monkeypatch.setattr(
        current_app.conf, "broker_write_url", f"redis://:{BROKER_PASSWORD}@127.0.0.1:1/0"
    )
    hints._publish(hints.PROCESS_EVENTS)
    assert any("No worker was woken" in text for text in ear.heard)


def test_no_login_that_is_not_recorded(
    ada: Prober, ear: Ear, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: Any, **kwargs: Any) -> None:
        raise DataError("no room")

    monkeypatch.setattr("personalization.logins.record", fail)
    ada.post("/admin/login/", {"username": "ada", "password": PASSWORD})
    ada.login(username="ada", password=PASSWORD)
    assert ear.with_any_of(cookies_of(ada)) == []
