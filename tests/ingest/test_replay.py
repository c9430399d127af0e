"""What was set aside goes the way of all others again, and is stored once."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client

from personalization.events.buffer import Batch
from personalization.events.buffers.database import DatabaseBuffer
from personalization.events.models import BufferedBatch, Event, EventSchema, Source
from personalization.exceptions import BufferUnavailable, EventRejected
from personalization.ingest import agents, quarantine
from personalization.ingest.accept import judge
from personalization.ingest.calls import read_event
from personalization.ingest.identities import Sender
from personalization.ingest.models import DeadLetter
from personalization.ingest.replay import discard, replay, replay_many, waiting
from personalization.profiles.models import Identity, Profile
from personalization.testing import drain
from tests.ingest.sending import consent, send, track

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 8, tzinfo=UTC)
RECEIVED = datetime(2026, 3, 1, tzinfo=UTC)
REPLAYED, DISCARDED = DeadLetter.Status.REPLAYED, DeadLetter.Status.DISCARDED


@pytest.fixture
def set_aside(server: Source) -> Callable[..., DeadLetter]:
    """Set a call aside that was refused at `RECEIVED`."""

    def make(call: Any, *, source: Source = server, **fields: Any) -> DeadLetter:
        proved = {"trusted": source.is_server, "visitor_id": None, "received_at": RECEIVED}
        sender = Sender(**{**proved, **fields})
        outcome = judge([call], sender=sender, size=10**6)
        assert outcome.rejected, "this one would have been taken"
        quarantine.set_aside(outcome.rejected, source=source, sender=sender)
        return DeadLetter.objects.latest("pk")

    return make


def mended(letter: DeadLetter, **fields: Any) -> str:
    return json.dumps({**json.loads(letter.body), **fields})


def stored() -> list[Event]:
    drain()
    return list(Event.objects.order_by("pk"))


def test_what_was_mended_is_stored_as_if_it_had_come_well(
    set_aside: Callable[..., DeadLetter], server: Source
) -> None:
    letter = set_aside(track("Seen", timestamp="1 March", messageId="one"))
    by = User.objects.create_user("kim")
    body = mended(letter, timestamp="2026-02-28T10:00:00Z")
    assert replay(letter.pk, now=NOW, body=body, by=by)
    (event,) = stored()
    assert (event.name, event.message_id, event.source) == ("Seen", "one", server)
    assert event.received_at == RECEIVED
    assert event.timestamp == datetime(2026, 2, 28, 10, tzinfo=UTC)
    letter.refresh_from_db()
    assert (letter.status, letter.resolved_at, letter.resolved_by) == (REPLAYED, NOW, by)
    assert json.loads(letter.body)["timestamp"] == "1 March", "what came stays as it came"


def test_a_time_is_corrected_by_the_clock_of_then(set_aside: Callable[..., DeadLetter]) -> None:
    letter = set_aside(track(type="click"), sent_at=RECEIVED + timedelta(hours=2))
    body = mended(letter, type="track", timestamp="2026-03-01T01:00:00Z")
    replay(letter.pk, now=NOW, body=body)
    assert stored()[0].timestamp == RECEIVED - timedelta(hours=1)


def test_what_is_still_wrong_is_refused_and_waits(set_aside: Callable[..., DeadLetter]) -> None:
    letter = set_aside(track(timestamp="1 March"))
    with pytest.raises(EventRejected) as refused:
        replay(letter.pk, now=NOW, body=mended(letter, timestamp=None, type="click"))
    assert (refused.value.code, refused.value.pointer) == ("unknown_type", "/type")
    letter.refresh_from_db()
    assert (letter.status, letter.code) == (DeadLetter.Status.WAITING, "invalid_timestamp")
    assert stored() == []


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("{", "invalid_json"),
        ("", "invalid_json"),
        ("[1]", "invalid_event"),
        ('"text"', "invalid_event"),
        ('{"type": "track", "event": "\ud800"}', "invalid_json"),
        ("[" * 200_000, "invalid_json"),
        ('{"type": "track", "userId": "u1", "event": "x", "n": NaN}', "poison_value"),
    ],
)
def test_whatever_is_typed_gets_an_answer(
    set_aside: Callable[..., DeadLetter], body: str, code: str
) -> None:
    letter = set_aside(track(timestamp="1 March"))
    with pytest.raises(EventRejected) as refused:
        replay(letter.pk, now=NOW, body=body)
    assert refused.value.code == code


def test_a_mended_event_that_is_too_long_is_refused(
    set_aside: Callable[..., DeadLetter], settings: Any
) -> None:
    settings.PERSONALIZATION_EVENT_MAX_BYTES = 400
    letter = set_aside(track(timestamp="1 March"))
    with pytest.raises(EventRejected) as refused:
        replay(letter.pk, now=NOW, body=mended(letter, timestamp=None, text="é" * 300))
    assert refused.value.code == "event_too_large"


# -- once ---------------------------------------------------------------------------------


def test_a_second_click_finds_nothing_to_replay(set_aside: Callable[..., DeadLetter]) -> None:
    letter = set_aside(track(messageId="x" * 101))
    assert replay(letter.pk, now=NOW)
    assert not replay(letter.pk, now=NOW)
    assert len(stored()) == 1


def test_two_letters_of_one_message_are_stored_once(set_aside: Callable[..., DeadLetter]) -> None:
    first = set_aside(track(messageId="one", timestamp="1 March"))
    replay(first.pk, now=NOW, body=mended(first, timestamp=None))
    second = set_aside(track(messageId="one", timestamp="1 March"))
    assert replay(second.pk, now=NOW, body=mended(second, timestamp=None))
    assert len(stored()) == 1


def test_an_event_without_an_id_is_stored_once(set_aside: Callable[..., DeadLetter]) -> None:
    """The answer to the first replay was lost; somebody set the letter back."""
    letter = set_aside(track(messageId=..., type="click"))
    for _ in range(2):
        replay(letter.pk, now=NOW, body=mended(letter, type="track"))
        DeadLetter.objects.update(status=DeadLetter.Status.WAITING)
    (event,) = stored()
    assert event.message_id == letter.message_id


def test_a_message_id_that_somebody_mends_counts(set_aside: Callable[..., DeadLetter]) -> None:
    letter = set_aside(track(messageId="x" * 101))
    replay(letter.pk, now=NOW, body=mended(letter, messageId="mine"))
    assert stored()[0].message_id == "mine"


def test_what_cannot_be_buffered_waits_on(
    set_aside: Callable[..., DeadLetter], monkeypatch: pytest.MonkeyPatch
) -> None:
    letter = set_aside(track(messageId="x" * 101))

    def fail(*args: Any) -> None:
        raise BufferUnavailable

    monkeypatch.setattr(DatabaseBuffer, "append", fail)
    with pytest.raises(BufferUnavailable):
        replay(letter.pk, now=NOW)
    letter.refresh_from_db()
    assert letter.status == DeadLetter.Status.WAITING


# -- who ----------------------------------------------------------------------------------


def test_a_browsers_event_is_replayed_for_the_visitor_of_its_cookie(
    client: Client, browser: Source
) -> None:
    consent(client, "analytics")
    visitor = Identity.objects.get()
    send(client, track(userId="admin", type="click"), key="browser-key")
    letter = DeadLetter.objects.get()
    replay(letter.pk, now=NOW, body=mended(letter, type="track"))
    (event,) = stored()
    assert event.identity == visitor
    assert Identity.objects.count() == 1


def test_who_refused_meanwhile_stays_out(client: Client, browser: Source) -> None:
    consent(client, "analytics")
    send(client, track(type="click"), key="browser-key")
    consent(client)
    letter = DeadLetter.objects.get()
    replay(letter.pk, now=NOW, body=mended(letter, type="track"))
    assert stored() == []


# -- many ---------------------------------------------------------------------------------


def test_each_of_many_is_replayed_by_itself_and_says_why_not(
    set_aside: Callable[..., DeadLetter], server: Source
) -> None:
    server.schemas = Source.Schemas.QUARANTINE
    server.save()
    long_id = set_aside(track("Product Viewed", messageId="x" * 101))
    bad_time = set_aside(track(timestamp="1 March"))
    unknown = set_aside(track("Video Played", messageId="y" * 101))
    result = replay_many([long_id.pk, bad_time.pk, unknown.pk, 10**9], now=NOW)
    assert result.taken == 1
    assert result.refused == {"invalid_timestamp": 1, "unknown_event": 1}
    unknown.refresh_from_db()
    assert unknown.code == "unknown_event", "the reason of today"
    assert "Video Played" in unknown.message
    EventSchema.objects.create(name="Video Played")
    assert replay_many([unknown.pk], now=NOW).taken == 1
    assert [event.name for event in stored()] == ["Product Viewed", "Video Played"]


def test_what_waits_is_found_by_reason_and_source(
    set_aside: Callable[..., DeadLetter], make_source: Callable[..., Source], server: Source
) -> None:
    other = make_source(slug="other")
    one, two = set_aside(track(timestamp="no")), set_aside(track(type="click"))
    three = set_aside(track(type="click"), source=other)
    assert waiting() == [one.pk, two.pk, three.pk]
    assert waiting(code="unknown_type") == [two.pk, three.pk]
    assert waiting(code="unknown_type", source="other") == [three.pk]
    discard([two.pk], now=NOW)
    assert waiting(source=server.slug) == [one.pk]


def test_what_is_given_up_is_replayed_no_more(set_aside: Callable[..., DeadLetter]) -> None:
    by = User.objects.create_user("kim")
    letters = [set_aside(track(messageId="x" * 101)) for _ in range(2)]
    replay(letters[0].pk, now=RECEIVED)
    assert discard([letter.pk for letter in letters], now=NOW, by=by) == 1
    letters[1].refresh_from_db()
    assert (letters[1].status, letters[1].resolved_at, letters[1].resolved_by) == (
        DISCARDED, NOW, by,
    )  # fmt: skip
    assert not replay(letters[1].pk, now=NOW)


# -- what the worker set aside --------------------------------------------------------------


def test_what_the_worker_set_aside_is_replayed_as_it_was_taken(
    client: Client, server: Source
) -> None:
    send(client, track("Seen", anonymousId="a1", messageId="one"))
    events = json.loads(BufferedBatch.objects.get().payload)
    BufferedBatch.objects.all().delete()
    quarantine.bury(
        Batch(source_id=server.pk, events=events, received_at=RECEIVED), ValueError("x")
    )
    letter = DeadLetter.objects.get()
    assert replay(letter.pk, now=NOW)
    (event,) = stored()
    assert (event.message_id, event.received_at) == ("one", RECEIVED)
    assert Profile.objects.count() == 1


@pytest.mark.parametrize("body", ['{"no": "arrival"}', '{"joins": 1}', '{"joins": [], "key": 7}'])
def test_what_is_no_arrival_is_refused_for_its_shape(server: Source, body: str) -> None:
    batch = Batch(source_id=server.pk, events=[{"no": "arrival"}], received_at=RECEIVED)
    quarantine.bury(batch, ValueError("x"))
    letter = DeadLetter.objects.get()
    assert replay_many([letter.pk], now=NOW).refused == {"processing_failed": 1}
    letter.refresh_from_db()
    assert letter.message == "ValueError: x", "what the worker said tells more"
    with pytest.raises(EventRejected, match="no event as the worker knows it"):
        replay(letter.pk, now=NOW, body=body)


# -- bots -----------------------------------------------------------------------------------


@pytest.fixture
def bot(client: Client, browser: Source) -> DeadLetter:
    """The letter of a bot with a visitor's cookie."""
    consent(client, "analytics")
    client.post(
        "/p/v1/batch?writeKey=browser-key",
        {"batch": [track("Seen", context={"automated": True})]},
        content_type="application/json",
        headers={"user-agent": "FriendlyBot/1.0"},
    )
    return DeadLetter.objects.get(code="bot")


def test_a_bot_stays_one_until_the_rules_change(
    bot: DeadLetter, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert replay_many([bot.pk], now=NOW).refused == {"bot": 1}
    monkeypatch.setattr(agents, "program", lambda user_agent: "")
    assert replay_many([bot.pk], now=NOW).refused == {"bot": 1}, "it said so itself"
    DeadLetter.objects.update(body=bot.body.replace("true", "false"))
    assert replay_many([bot.pk], now=NOW).taken == 1
    assert [event.name for event in stored()] == ["Seen"]


def test_a_site_that_lets_programs_in_lets_in_those_of_before(
    bot: DeadLetter, settings: Any
) -> None:
    settings.PERSONALIZATION_FILTER_BOTS = False
    assert replay(bot.pk, now=NOW)


def test_an_operator_may_say_that_it_was_a_person(bot: DeadLetter) -> None:
    assert replay(bot.pk, now=NOW, as_person=True)
    assert [event.name for event in stored()] == ["Seen"]


# -- commands -------------------------------------------------------------------------------


def test_the_command_replays_what_is_named(
    set_aside: Callable[..., DeadLetter], server: Source, capsys: pytest.CaptureFixture[str]
) -> None:
    set_aside(track(messageId="x" * 101))
    set_aside(track(timestamp="no"))
    set_aside(track(timestamp="no"))
    call_command("replay_dead_letters", source="nobody")
    assert capsys.readouterr().out == "0 events replayed.\n"
    call_command("replay_dead_letters", source=server.slug, code="invalid_message_id")
    assert capsys.readouterr().out == "1 events replayed.\n"
    call_command("replay_dead_letters")
    assert capsys.readouterr().out == (
        "0 events replayed.\n2 are refused again: invalid_timestamp.\n"
    )


def test_the_command_lets_in_what_is_called_a_bot_no_more(
    bot: DeadLetter,
    set_aside: Callable[..., DeadLetter],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    set_aside(track(messageId="x" * 101))
    call_command("reclassify_bots")
    assert capsys.readouterr().out == "0 events replayed.\n1 are refused again: bot.\n"
    monkeypatch.setattr(agents, "program", lambda user_agent: "")
    DeadLetter.objects.filter(pk=bot.pk).update(body=bot.body.replace("true", "false"))
    call_command("reclassify_bots")
    assert capsys.readouterr().out == "1 events replayed.\n"
    assert [event.name for event in stored()] == ["Seen"]


@pytest.mark.parametrize(
    "spoilt",
    [{"key": ["user", ["u"]]}, {"key": ["n" * 31, "u"]}, {"key": ["user", "u" * 201]},
     {"message_id": "m" * 101}, {"message_id": 7}, {"name": None}, {"at": "noon"},
     {"properties": []}, {"joins": [["user", 7]]}],
)  # fmt: skip
def test_what_an_operator_makes_of_a_taken_event_must_be_one(
    server: Source, spoilt: dict[str, Any]
) -> None:
    sender = Sender(trusted=True, visitor_id=None, received_at=NOW)
    event = read_event(track(), sender=sender).to_json()
    letter = DeadLetter.objects.create(
        source=server, code="processing_failed", body=json.dumps(event), received_at=NOW
    )
    with pytest.raises(EventRejected) as refused:
        replay(letter.pk, now=NOW, body=json.dumps({**event, **spoilt}))
    assert refused.value.code == "processing_failed"
    letter.refresh_from_db()
    assert letter.status == DeadLetter.Status.WAITING
    assert replay(letter.pk, now=NOW)
