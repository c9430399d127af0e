"""Whom a source may speak of, and who is joined with whom."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from personalization.events.models import BufferedBatch, Event, Source
from personalization.profiles.models import Identity, Profile
from personalization.profiles.visitor import signed
from personalization.testing import drain
from tests.ingest.sending import codes, consent, send, track

pytestmark = pytest.mark.django_db

BROWSER = "browser-key"


def _profile(namespace: str, value: str) -> Profile:
    return Profile.objects.get(identities__namespace=namespace, identities__value=value)


def _ids() -> set[tuple[str, str]]:
    return set(Identity.objects.values_list("namespace", "value"))


def _visitor_id(client: Client) -> str:
    return client.cookies["pz_id"].value.partition(":")[0]


@pytest.mark.parametrize(
    "nobody",
    [
        "", " ", None, "null", "NULL", "None", "undefined", "NaN", "anonymous", "Guest", "true",
        "false", "0", 0, "-1", -1, "[object Object]", "not_authenticated", "distinct_id", "id",
        "email", '"null"', "'undefined'", "00000000-0000-0000-0000-000000000000", "---",
    ],
)  # fmt: skip
def test_ids_that_mean_nobody_are_no_ids(client: Client, server: Source, nobody: Any) -> None:
    answer = send(client, track(userId=nobody), track(userId=nobody, anonymousId="a1"))
    assert codes(answer["rejected"]) == {0: "missing_ids"}
    drain()
    assert _ids() == {("anonymous", "a1")}


@pytest.mark.parametrize(("stated", "kept"), [(17, "17"), (" u 1 ", "u 1"), ("Ü/ü", "Ü/ü")])
def test_odd_ids_are_kept(client: Client, server: Source, stated: Any, kept: str) -> None:
    send(client, track(userId=stated))
    drain()
    assert _ids() == {("user", kept)}


def test_a_server_joins_the_visitor_with_the_user(client: Client, server: Source) -> None:
    send(client, track("Before", userId=..., anonymousId="a1"))
    drain()
    send(client, track("Elsewhere"))
    drain()
    assert Profile.objects.count() == 2
    send(client, track(type="identify", anonymousId="a1", traits={"plan": "pro"}))
    drain()
    profile = Profile.objects.get()
    assert _ids() == {("anonymous", "a1"), ("user", "u1")}
    assert profile.snapshot.traits == {"plan": "pro"}
    assert profile.snapshot.features["events.count"] == 3
    assert list(Event.objects.filter(name="Before").values_list("identity__value")) == [("a1",)]


@pytest.mark.parametrize("kind", ["track", "page", "group", "screen"])
def test_every_call_with_both_ids_joins_them(client: Client, server: Source, kind: str) -> None:
    send(client, track(type=kind, anonymousId="a1"))
    drain()
    assert _profile("user", "u1") == _profile("anonymous", "a1")


def test_an_alias_joins_the_previous_id(client: Client, server: Source) -> None:
    send(client, track(userId=..., anonymousId="a1"))
    send(client, {"type": "alias", "previousId": "a1", "userId": "u1"})
    drain()
    assert _profile("user", "u1") == _profile("anonymous", "a1")


def test_all_devices_of_a_user_in_one_claim_are_joined(client: Client, server: Source) -> None:
    for device in ("a1", "a2", "a3"):
        send(client, track(userId=..., anonymousId=device))
    send(client, *(track(type="identify", anonymousId=device) for device in ("a1", "a2", "a3")))
    drain()
    assert Profile.objects.count() == 1
    assert Profile.objects.get().snapshot.features["events.count"] == 6


@pytest.mark.parametrize("one_claim", [True, False])
def test_somebody_else_on_the_same_device_is_a_switch_and_no_merge(
    client: Client, server: Source, one_claim: bool
) -> None:
    first, second = ((timezone.now() - timedelta(hours=ago)).isoformat() for ago in (9, 8))
    # By name the second user would come first; by time the first does.
    send(client, track(userId="zoe", anonymousId="tablet", timestamp=first))
    if not one_claim:
        drain()
    send(client, track(userId="adam", anonymousId="tablet", timestamp=second))
    send(client, track("Later", userId=..., anonymousId="tablet", timestamp=second))
    drain()
    assert _profile("user", "zoe") == _profile("anonymous", "tablet")
    assert _profile("user", "adam") != _profile("user", "zoe")
    assert _profile("user", "zoe").snapshot.features["events.count"] == 2
    assert _profile("user", "adam").snapshot.features["events.count"] == 1


def test_a_browser_cannot_speak_of_a_user(client: Client, server: Source, browser: Source) -> None:
    send(client, track(type="identify", traits={"plan": "pro"}))
    drain()
    consent(client, "analytics")
    send(client, track(type="identify", traits={"plan": "free"}), key=BROWSER)
    send(client, {"type": "alias", "previousId": "u1", "userId": "u1"}, key=BROWSER)
    drain()
    assert _profile("user", "u1").snapshot.traits == {"plan": "pro"}
    assert _profile("anonymous", _visitor_id(client)) != _profile("user", "u1")
    assert _profile("anonymous", _visitor_id(client)).snapshot.traits == {"plan": "free"}


def test_a_user_that_a_browser_without_a_cookie_claims_is_kept_apart(
    client: Client, server: Source, browser: Source
) -> None:
    send(client, track())
    send(client, track("Claimed"), key=BROWSER)
    drain()
    assert _ids() == {("user", "u1")}  # and nobody consented for the claim
    assert not Event.objects.filter(name="Claimed").exists()


def test_the_signed_cookie_beats_a_claimed_anonymous_id(client: Client, browser: Source) -> None:
    consent(client, "analytics")
    send(client, track(userId=..., anonymousId="somebody-else"), key=BROWSER)
    drain()
    assert Event.objects.get().identity.value == _visitor_id(client)
    assert _ids() == {("anonymous", _visitor_id(client))}


@pytest.mark.parametrize(
    "forged",
    [
        "", "garbage", ":", "a:b", "0" * 32, f"{'0' * 32}:{'A' * 43}", signed("no hex"),
        signed("0" * 32) + "x", signed("0" * 31), "x" * 5000, "\x00", "é", signed("A" * 32),
    ],
)  # fmt: skip
def test_a_forged_cookie_is_no_id(client: Client, browser: Source, forged: str) -> None:
    client.cookies["pz_id"] = forged
    answer = send(client, track(userId=...), key=BROWSER)
    assert codes(answer["rejected"]) == {0: "missing_ids"}
    assert not BufferedBatch.objects.exists()


def test_a_server_is_not_told_who_by_a_cookie(client: Client, server: Source) -> None:
    client.cookies["pz_id"] = signed("0" * 32)
    assert codes(send(client, track(userId=...))["rejected"]) == {0: "missing_ids"}
    send(client, track())
    drain()
    assert _ids() == {("user", "u1")}
