"""A user that a browser names: worth nothing, unless the site has signed it for this visitor."""

from __future__ import annotations

import json
import time
from datetime import timedelta
from typing import Any

import pytest
from django.core.signing import TimestampSigner, b62_encode
from django.test import Client

from personalization import shortcuts
from personalization.events.models import BufferedBatch, Event, Source
from personalization.ingest.ids import MAX_ID
from personalization.ingest.models import DeadLetter
from personalization.profiles.models import Profile
from personalization.profiles.visitor import (
    LONGEST_USER,
    USER_TOKEN_AGE,
    ForeignToken,
    read_user_token,
    user_token,
)
from personalization.testing import drain
from tests.ingest.sending import codes, consent, post, problem, send, track
from tests.profiles.test_links import of, persons

pytestmark = pytest.mark.django_db

ID = "0123456789abcdef" * 2


class _Earlier(TimestampSigner):
    """Signs as it would have been signed a while ago."""

    def __init__(self, ago: timedelta, visitor_id: str = ID) -> None:
        super().__init__(salt=f"personalization.user.{visitor_id}")
        self.ago = ago

    def timestamp(self) -> str:
        return b62_encode(int(time.time() - self.ago.total_seconds()))


def test_what_was_signed_for_the_visitor_is_read() -> None:
    token = user_token("ü 1:2", visitor_id=ID)
    assert read_user_token(token, visitor_id=ID) == "ü 1:2"
    with pytest.raises(ForeignToken):
        read_user_token(token, visitor_id=ID[::-1])


@pytest.mark.parametrize(("length", "proved"), [(MAX_ID, True), (MAX_ID + 1, False)])
def test_a_user_whose_id_is_no_identity_gets_no_proof(length: int, proved: bool) -> None:
    assert LONGEST_USER == MAX_ID
    token = user_token("u" * length, visitor_id=ID)
    assert bool(token) is proved
    if proved:
        assert read_user_token(token, visitor_id=ID) == "u" * length


def test_it_lasts_for_a_day() -> None:
    nearly, over = USER_TOKEN_AGE - timedelta(minutes=5), USER_TOKEN_AGE + timedelta(minutes=5)
    assert read_user_token(_Earlier(nearly).sign("u1"), visitor_id=ID) == "u1"
    assert read_user_token(_Earlier(over).sign("u1"), visitor_id=ID) is None


@pytest.mark.parametrize(
    "forged",
    [
        "", "u1", "u1:", "u1:a:b", None, 5, [], {}, "x" * 10_000, "\x00",
        user_token("u1", visitor_id=ID)[:-1],
        user_token("u1", visitor_id=ID).replace("u1", "u2", 1),
        TimestampSigner(salt="another").sign("u1"),
        TimestampSigner(key="another", salt=f"personalization.user.{ID}").sign("u1"),
    ],
    ids=["", "u1", "u1:", "u1:a:b", "None", "5", "list", "object", "long", "NUL", "cut off",
         "of another user", "of another salt", "of another key"],
)  # fmt: skip
def test_garbage_and_forgeries_prove_nobody(forged: Any) -> None:
    with pytest.raises(ForeignToken):
        read_user_token(forged, visitor_id=ID)


def visitor_of(client: Client) -> str:
    return client.cookies["pz_id"].value.partition(":")[0]


@pytest.fixture
def visitor(client: Client, browser: Source) -> str:
    """A visitor who agreed, in the browser `client`."""
    consent(client, "analytics", "personalization")
    return visitor_of(client)


def by_header(client: Client, token: str, *calls: Any) -> str:
    """Send, and return the code of the refusal, if there is one."""
    body = json.dumps({"batch": calls})
    answer = post(client, body, key="browser-key", HTTP_X_PERSONALIZATION_USER=token)
    return "" if answer.status_code == 200 else problem(answer)


def by_context(client: Client, token: Any, *calls: Any) -> str:
    calls = tuple({**call, "context": {"userToken": token, "locale": "de"}} for call in calls)
    rejected = send(client, *calls, key="browser-key")["rejected"]
    return codes(rejected).get(0, "")


@pytest.mark.parametrize("carry", [by_header, by_context])
def test_a_signed_user_is_believed(client: Client, visitor: str, carry: Any) -> None:
    carry(client, user_token("u1", visitor_id=visitor), track(userId=...), track(userId="u2"))
    drain()
    assert persons() == of(f"user:u1 anonymous:{visitor}")
    assert {str(event.identity) for event in Event.objects.all()} == {"user:u1"}


def test_the_proof_is_not_stored(client: Client, visitor: str) -> None:
    by_context(client, user_token("u1", visitor_id=visitor), track(userId=...))
    drain()
    assert Event.objects.get().context == {"locale": "de"}


@pytest.mark.parametrize("carry", [by_header, by_context])
@pytest.mark.parametrize(
    "token",
    ["u1", user_token("u1", visitor_id=ID), "\t", "u1:1:x"],
    ids=["u1", "signed", "tab", "u1:1:x"],
)
def test_what_was_signed_for_somebody_else_is_not_taken(
    client: Client, visitor: str, carry: Any, token: str
) -> None:
    """A page may have kept it from before the device changed hands."""
    assert carry(client, token, track(userId="u1")) == "another_visitor"
    assert not BufferedBatch.objects.exists()
    assert not DeadLetter.objects.exists()


@pytest.mark.parametrize("carry", [by_header, by_context])
def test_what_was_signed_too_long_ago_proves_nobody(
    client: Client, visitor: str, carry: Any
) -> None:
    token = _Earlier(timedelta(days=2), visitor).sign("u1")
    assert carry(client, token, track(userId="u1")) == ""
    drain()
    assert persons() == of(f"anonymous:{visitor}")


@pytest.mark.parametrize("carry", [by_header, by_context])
def test_without_the_cookie_it_is_none_either(
    client: Client, visitor: str, carry: Any, browser: Source
) -> None:
    token = user_token("u1", visitor_id=visitor)
    carry(Client(), token, track(userId="u1"))
    drain()
    assert not Event.objects.exists()


@pytest.mark.parametrize("carry", [by_header, by_context])
@pytest.mark.parametrize(("length", "believed"), [(MAX_ID, True), (MAX_ID + 1, False)])
def test_a_signed_id_that_is_too_long_is_ignored_and_its_event_kept(
    client: Client, visitor: str, carry: Any, length: int, believed: bool
) -> None:
    """Signed by a site before it was bounded, or by one with its own way to sign."""
    user = "u" * length
    assert carry(client, _Earlier(timedelta(0), visitor).sign(user), track(userId=...)) == ""
    drain()
    assert persons() == of(
        f"user:{user} anonymous:{visitor}" if believed else f"anonymous:{visitor}"
    )
    assert Event.objects.count() == 1


def test_a_context_of_another_shape_proves_nobody(client: Client, visitor: str) -> None:
    send(client, track(userId="u1", context="u1"), key="browser-key")
    by_context(client, None, track(userId="u1"))
    drain()
    assert persons() == of(f"anonymous:{visitor}")


def test_a_forged_identify_neither_merges_nor_discloses(
    client: Client, visitor: str, browser: Source
) -> None:
    """Whoever writes somebody's address into a browser learns and changes nothing."""
    shortcuts.identify(user_id="jane@shop.example", traits={"plan": "pro"})
    drain()
    forged = {"email": "jane@shop.example", "plan": "stolen"}
    ids = {"userId": "jane@shop.example", "anonymousId": "jane@shop.example"}
    for kind in ("identify", "track", "alias", "group"):
        call = track(type=kind, **ids, traits=forged, previousId="jane@shop.example")
        answer = send(client, call, key="browser-key")
        assert "pro" not in json.dumps(answer)
        send(Client(), call, key="browser-key")
    drain()
    assert persons() == of("user:jane@shop.example", f"anonymous:{visitor}")
    jane = Profile.objects.get(identities__namespace="user").snapshot
    assert jane.traits == {"plan": "pro"}
    assert jane.features["events.count"] == 1
