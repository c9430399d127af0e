"""What may be kept is asked of the recorded answers when it is kept, and not before."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.test import Client

from personalization import metrics
from personalization.events.models import BufferedBatch, Event, Source
from personalization.privacy.consent import record_consent
from personalization.privacy.models import Mechanism
from personalization.profiles.identity import Key
from personalization.profiles.models import Identity, Profile
from personalization.testing import drain
from tests.ingest.sending import consent, send, track

pytestmark = pytest.mark.django_db

BROWSER = "browser-key"
USER = Key(Identity.USER, "u1")


def answer(key: Key, *granted: str) -> None:
    record_consent(key, granted=granted, mechanism=Mechanism.API, now=datetime.now(UTC))


def anonymous(value: str) -> Key:
    return Key(Identity.ANONYMOUS, value)


def dropped() -> int:
    return metrics.snapshot().get("events.without_consent", 0)


def stored() -> list[str]:
    return sorted(Event.objects.values_list("name", flat=True))


def test_without_an_answer_nothing_of_a_browser_is_kept_and_the_loss_is_counted(
    client: Client, browser: Source
) -> None:
    before = dropped()
    send(client, *(track(userId=..., anonymousId="a1") for _ in range(3)), key=BROWSER)
    assert not BufferedBatch.objects.exists()  # not even until the worker comes
    assert drain() == 0
    assert dropped() == before + 3
    for model in (Event, Identity, Profile, BufferedBatch):
        assert not model.objects.exists()


@pytest.mark.parametrize(
    ("granted", "kept"),
    [
        (["analytics"], True),
        (["personalization"], True),
        (["analytics", "personalization", "marketing"], True),
        (["marketing"], False),
        ([], False),
    ],
)
def test_either_collecting_purpose_allows_to_keep(
    client: Client, browser: Source, granted: list[str], kept: bool
) -> None:
    answer(anonymous("a1"), *granted)
    send(client, track("Seen", userId=..., anonymousId="a1"), key=BROWSER)
    drain()
    assert stored() == (["Seen"] if kept else [])


def test_what_still_waits_when_a_visitor_refuses_is_dropped(
    client: Client, browser: Source
) -> None:
    consent(client, "analytics")
    send(client, track("Kept"), key=BROWSER)
    drain()
    send(client, track("Waiting"), key=BROWSER)
    consent(client)
    drain()
    assert stored() == ["Kept"]
    assert not BufferedBatch.objects.exists()


def test_a_server_vouches_until_the_visitor_refuses(client: Client, server: Source) -> None:
    send(client, track("Unasked"))
    drain()
    answer(USER, "marketing")
    send(client, track("Refused"))
    drain()
    answer(USER, "analytics")
    send(client, track("Granted"))
    drain()
    assert stored() == ["Granted", "Unasked"]


def test_refusing_one_of_the_purposes_leaves_the_other(client: Client, server: Source) -> None:
    answer(USER, "personalization")
    send(client, track("Kept"))
    drain()
    assert stored() == ["Kept"]


def test_a_refusal_in_the_browser_binds_the_server_too(client: Client, server: Source) -> None:
    send(client, track("Login", type="identify", anonymousId="a1"))
    drain()
    answer(anonymous("a1"))
    send(client, track("By user"), track("By both", anonymousId="a1"))
    drain()
    assert stored() == ["Identified"]


def test_who_refused_is_not_joined_with_a_user(client: Client, server: Source) -> None:
    answer(anonymous("a1"))
    send(client, track("Login", type="identify", anonymousId="a1"), track("Elsewhere"))
    drain()
    assert stored() == ["Elsewhere"]
    assert Profile.objects.count() == 2


def test_the_newest_answer_counts_on_whichever_device(
    client: Client, server: Source, browser: Source
) -> None:
    send(client, track(type="identify", anonymousId="a1"))
    send(client, track(type="identify", anonymousId="a2"))
    drain()
    Event.objects.all().delete()
    answer(anonymous("a1"), "analytics")
    answer(anonymous("a2"))
    send(client, track("Refused", userId=..., anonymousId="a1"), key=BROWSER)
    drain()
    answer(anonymous("a2"), "analytics")
    send(client, track("Granted", userId=..., anonymousId="a1"), key=BROWSER)
    drain()
    assert stored() == ["Granted"]


def test_of_two_people_about_to_be_joined_the_newer_answer_counts(
    client: Client, server: Source
) -> None:
    answer(anonymous("a1"))
    answer(USER, "analytics")
    send(client, track("Granted", anonymousId="a1"))
    drain()
    assert stored() == ["Granted"]


def test_answers_are_joined_with_the_profiles(client: Client, server: Source) -> None:
    answer(USER, "personalization")
    answer(anonymous("a1"), "analytics")
    send(client, track(type="identify", anonymousId="a1"))
    drain()
    assert Profile.objects.get().snapshot.consents == {"analytics": True}


def test_who_agreed_to_nothing_is_told_so_event_by_event(client: Client, browser: Source) -> None:
    answer(anonymous("a2"), "analytics")
    events = [
        {"type": "track", "event": "One", "anonymousId": "a1"},
        {"type": "sing", "anonymousId": "a2"},
        {"type": "track", "event": "Two", "anonymousId": "a2"},
    ]
    response = client.post(
        "/p/v1/batch", {"writeKey": BROWSER, "batch": events}, content_type="application/json"
    )
    assert response.json()["accepted"] == 1
    rejected = {entry["index"]: entry["code"] for entry in response.json()["rejected"]}
    assert rejected == {0: "no_consent", 1: "unknown_type"}
    drain()
    assert stored() == ["Two"]
