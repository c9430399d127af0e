"""What is set aside holds no key, no address and no proof, and is replayed as if it did."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from personalization.events.models import Event, Source
from personalization.ingest.identities import Sender
from personalization.ingest.message import Message
from personalization.ingest.models import DeadLetter
from personalization.ingest.protocols.segment.adapter import Segment
from personalization.ingest.quarantine import sender_of
from personalization.ingest.redaction import OF_REQUEST, proved, redacted
from personalization.ingest.replay import replay
from personalization.profiles.identity import Key
from personalization.profiles.models import Identity
from personalization.profiles.visitor import user_token
from personalization.testing import drain
from tests.ingest.sending import consent, send, track
from tests.profiles.test_links import of, persons

ADDRESS = "93.184.216.34"
CHROME = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/140.0.0.0 Safari/537.36"
NETWORK = {"prefix": "93.184.216.0/24", "agent": "Chrome on Windows"}
NOW = timezone.now()
USER, ANONYMOUS = Key(Identity.USER, "u1"), Key(Identity.ANONYMOUS, "a1")


def letter_of(**fields: Any) -> DeadLetter:
    """Return the one letter, having looked that nothing of `fields` is in any column."""
    (row,) = DeadLetter.objects.values()
    for value in fields.values():
        assert str(value) not in str(row)
    return DeadLetter.objects.get()


def replayed(letter: DeadLetter) -> Event:
    """Return what becomes of a letter whose time is mended."""
    body = json.dumps({**json.loads(letter.body), "timestamp": None})
    assert replay(letter.pk, now=timezone.now(), body=body)
    drain()
    return Event.objects.get()


# -- the call -----------------------------------------------------------------------------


def test_of_a_call_only_what_belongs_to_the_request_is_taken() -> None:
    call = track(context={"locale": "de", "traits": {"plan": "pro"}}, properties={"token": "t"})
    secrets = dict.fromkeys(OF_REQUEST, "s3cret")
    private = {"ip": ADDRESS, "userToken": "s3cret"}
    full = {**call, **secrets, "context": {**call["context"], **private}}
    assert redacted(full) == call
    assert full["context"]["ip"] == ADDRESS, "the call itself stays as it is"


@pytest.mark.parametrize("context", [None, "text", ["list"], 5, {}])
def test_whatever_the_context_is_it_stays(context: Any) -> None:
    assert redacted({"context": context}) == {"context": context}
    sender = Sender(trusted=True, visitor_id=None, received_at=NOW, network={})
    assert proved(sender, {"context": context}, owner=USER) == sender


# -- keys ---------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["track", "t"])
def test_the_key_of_a_single_call_is_not_set_aside(
    client: Client, server: Source, path: str
) -> None:
    body = {**track(timestamp="no"), "writeKey": "server-key", "sentAt": "2026-03-01T00:00:00Z"}
    assert client.post(f"/p/v1/{path}", body, content_type="application/json").status_code == 400
    letter = letter_of(key="server-key")
    assert letter.code == "invalid_timestamp"
    assert "sentAt" not in json.loads(letter.body)
    assert letter.sender["sent_at"] == "2026-03-01T00:00:00+00:00", "the replay needs it"


@pytest.mark.django_db
@pytest.mark.parametrize("name", sorted(OF_REQUEST - {"batch"}))
def test_nor_is_one_that_an_event_of_a_batch_repeats(
    client: Client, server: Source, name: str
) -> None:
    send(client, track(timestamp="no", **{name: "server-key"}))
    letter_of(key="server-key")


def test_a_single_call_does_not_carry_the_key_on() -> None:
    call = {"event": "Seen", "writeKey": "k"}
    assert Segment().call(call, Message(call="track")) == {"event": "Seen", "type": "track"}


# -- proofs and addresses -----------------------------------------------------------------


@pytest.mark.django_db
def test_a_signed_user_is_known_long_after_the_proof(client: Client, browser: Source) -> None:
    consent(client, "analytics", "personalization")
    visitor = Identity.objects.get().value
    token = user_token("u1", visitor_id=visitor)
    call = track(userId=..., timestamp="no", context={"userToken": token, "locale": "de"})
    send(client, call, key="browser-key")
    letter = letter_of(token=token)
    assert letter.sender["user_id"] == "u1"
    event = replayed(letter)
    assert (str(event.identity), event.context) == ("user:u1", {"locale": "de"})
    assert persons() == of(f"user:u1 anonymous:{visitor}")


def test_a_user_that_a_browser_only_names_is_not_proved() -> None:
    for visitor_id, owner in (
        ("v1", ANONYMOUS), (None, ANONYMOUS), (None, Key(Identity.CLAIMED, "u1")),
    ):  # fmt: skip
        sender = Sender(trusted=False, visitor_id=visitor_id, received_at=NOW)
        assert proved(sender, track(), owner=owner) == sender


@pytest.mark.django_db
def test_no_address_is_set_aside(client: Client, server: Source) -> None:
    call = track(timestamp="no", request_ip=ADDRESS, context={"ip": ADDRESS, "userAgent": CHROME})
    send(client, call)
    letter = letter_of(address=ADDRESS, network="93.184.216")
    assert replayed(letter).context == {"userAgent": CHROME}


@pytest.mark.django_db
def test_the_network_is_kept_where_suggestions_are_wanted(
    client: Client, server: Source, settings: Any
) -> None:
    settings.PERSONALIZATION_IDENTITY_SUGGESTIONS = True
    send(client, track(timestamp="no", context={"ip": ADDRESS, "userAgent": CHROME}))
    letter = letter_of(address=ADDRESS)
    assert letter.sender["network"] == NETWORK
    assert replayed(letter).context == {"userAgent": CHROME, "network": NETWORK}


@pytest.mark.django_db
def test_what_a_server_stated_is_not_believed_of_a_browser(server: Source) -> None:
    proof = {
        "trusted": True, "visitor_id": None, "user_id": None, "network": NETWORK,
        "sent_at": None, "agent": None, "joins": [["anonymous", "a1"]],
    }  # fmt: skip
    letter = DeadLetter(source=server, sender=proof, received_at=NOW)
    assert sender_of(letter).network == NETWORK
    server.kind = Source.Kind.BROWSER
    assert sender_of(letter).network == {}
