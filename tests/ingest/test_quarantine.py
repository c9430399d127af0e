"""What is refused at the door, and what the worker cannot process, is set aside."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import OperationalError
from django.test import Client

from personalization import metrics
from personalization.events.buffer import Batch
from personalization.events.buffers.database import DatabaseBuffer
from personalization.events.models import BufferedBatch, Event, EventSchema, Source
from personalization.ingest import quarantine
from personalization.ingest.bots import Agent
from personalization.ingest.identities import Sender
from personalization.ingest.models import DeadLetter
from personalization.ingest.outcome import Rejection
from personalization.ingest.quarantine import proof_of, purge_resolved, sender_of, set_aside
from personalization.testing import drain
from tests.ingest.sending import codes, consent, post, problem, send, track

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
WAITING = DeadLetter.Status.WAITING


@pytest.fixture
def strict(make_source: Callable[..., Source]) -> Source:
    """A server source whose events have to fit their schemas."""
    return make_source(write_key="strict-key", schemas=Source.Schemas.QUARANTINE)


def letters() -> list[DeadLetter]:
    return list(DeadLetter.objects.order_by("pk"))


# -- which ------------------------------------------------------------------------------

NESTED: Any = "x"
for _ in range(40):
    NESTED = [NESTED]

REFUSED: dict[str, dict[str, Any]] = {
    "poison_value": {"properties": {"note": "a\x00b"}},
    "too_deeply_nested": {"properties": {"tree": NESTED}},
    "event_too_large": {"properties": {"text": "x" * 40_000}},
    "invalid_timestamp": {"timestamp": "yesterday"},
    "too_old": {"timestamp": "2009-01-01T00:00:00Z"},
    "unknown_type": {"type": "click"},
    "missing_event": {"event": ""},
    "invalid_event": {"properties": ["no", "object"]},
    "invalid_message_id": {"messageId": "x" * 200},
}


@pytest.mark.parametrize("code", REFUSED)
def test_what_could_have_been_an_event_is_set_aside_as_it_came(
    client: Client, server: Source, code: str
) -> None:
    call = track(**REFUSED[code])
    answer = send(client, track("Before"), call, track("After"))
    assert codes(answer["rejected"]) == {1: code}
    (letter,) = letters()
    assert (letter.code, letter.source, letter.status) == (code, server, WAITING)
    assert letter.message == answer["rejected"][0]["message"]
    assert letter.pointer == answer["rejected"][0]["pointer"]
    assert json.loads(letter.body) == call
    assert (letter.namespace, letter.value) == ("user", "u1")
    drain()
    assert Event.objects.count() == 2


@pytest.mark.parametrize(
    ("call", "code"),
    [
        ("no object", "invalid_event"),
        (track(userId=...), "missing_ids"),
        (track(userId="x" * 201), "invalid_id"),
        (track(userId="u\x001"), "poison_value"),
        (track(userId="u\ud800"), "poison_value"),
        (track(type="click", userId=["u1"]), "unknown_type"),
    ],
)
def test_what_is_nobodys_is_refused_and_not_kept(
    client: Client, server: Source, call: Any, code: str
) -> None:
    assert codes(send(client, call)["rejected"]) == {0: code}
    assert letters() == []


def test_the_excess_of_a_batch_is_refused_and_not_kept(
    client: Client, server: Source, settings: Any
) -> None:
    settings.PERSONALIZATION_BATCH_MAX_EVENTS = 1
    assert codes(send(client, track(), track())["rejected"]) == {1: "batch_too_long"}
    assert letters() == []


def test_a_single_call_that_is_refused_is_set_aside_too(client: Client, server: Source) -> None:
    response = post(client, json.dumps(track(timestamp="no")), path="track")
    assert (response.status_code, problem(response)) == (400, "invalid_timestamp")
    assert json.loads(letters()[0].body)["timestamp"] == "no"


def test_an_event_is_kept_whole_up_to_four_times_what_is_taken(
    client: Client, server: Source, settings: Any
) -> None:
    settings.PERSONALIZATION_EVENT_MAX_BYTES = 1000
    calls = [track(properties={"text": "x" * n}) for n in (2000, 3500, 4500)]
    assert set(codes(send(client, *calls)["rejected"]).values()) == {"event_too_large"}
    assert [json.loads(letter.body) for letter in letters()] == calls[:2]


def test_what_cannot_even_be_written_is_refused_and_not_kept(server: Source) -> None:
    deep: Any = "x"
    for _ in range(100_000):
        deep = [deep]
    call = track(properties={"tree": deep})
    rejection = Rejection(index=0, code="too_deeply_nested", message="Deep.", call=call)
    set_aside([rejection], source=server, sender=_sender())
    assert letters() == []


def _sender(**fields: Any) -> Sender:
    return Sender(**{"trusted": True, "visitor_id": None, "received_at": NOW, **fields})


# -- schemas ----------------------------------------------------------------------------


def test_what_does_not_fit_its_schema_is_set_aside(client: Client, strict: Source) -> None:
    answer = send(
        client, track("Product Added", properties={"price": "9,90", "sku": 1}),
        track("Product Added", properties={"price": 9.9}), key="strict-key",
    )  # fmt: skip
    (refused,) = answer["rejected"]
    assert (refused["index"], refused["code"]) == (0, "schema_violation")
    assert refused["pointer"] == "/properties/price"
    assert refused["message"].count("it must be") == 2
    assert [letter.code for letter in letters()] == ["schema_violation"]
    drain()
    assert Event.objects.count() == 1


def test_an_event_without_a_schema_is_set_aside(client: Client, strict: Source) -> None:
    assert codes(send(client, track("Video Played"), key="strict-key")["rejected"]) == {
        0: "unknown_event"
    }
    EventSchema.objects.create(name="Video Played")
    assert send(client, track("Video Played"), key="strict-key")["accepted"] == 1


def test_an_answer_is_not_longer_than_a_few_sentences(client: Client, strict: Source) -> None:
    properties = {f"p{n}": {"type": "number"} for n in range(100)}
    EventSchema.objects.create(name="Video Played", properties=properties)
    call = track("Video Played", properties=dict.fromkeys(properties, "x"))
    (refused,) = send(client, call, key="strict-key")["rejected"]
    assert refused["message"].endswith("So it is with 95 more.")


@pytest.mark.parametrize("policy", [Source.Schemas.ACCEPT, Source.Schemas.WARN])
def test_other_sources_take_what_does_not_fit(
    client: Client, make_source: Callable[..., Source], policy: str
) -> None:
    make_source(write_key="mild-key", schemas=policy)
    answer = send(client, track("Never Heard", properties={"price": "x"}), key="mild-key")
    assert answer["accepted"] == 1
    assert letters() == []


# -- whose ------------------------------------------------------------------------------


def test_nothing_of_somebody_who_refused_is_kept(client: Client, server: Source) -> None:
    consent(client, "analytics")
    visitor = _visitor(client)
    bad = {"userId": ..., "anonymousId": visitor, "timestamp": "no"}
    send(client, track(**bad))
    assert len(letters()) == 1
    consent(client)
    send(client, track(**bad), track(userId="u2", timestamp="no"))
    assert [letter.value for letter in letters()] == [visitor, "u2"]


def _visitor(client: Client) -> str:
    from personalization.profiles.models import Identity

    return Identity.objects.latest("pk").value


def test_of_a_browser_only_what_comes_with_a_signed_cookie_is_kept(
    client: Client, browser: Source
) -> None:
    consent(client, "analytics")
    visitor = _visitor(client)
    send(client, track(timestamp="no"), key="browser-key")
    assert [letter.value for letter in letters()] == [visitor]
    stranger = Client(headers={"user-agent": "Mozilla/5.0 Firefox/140.0"})
    send(stranger, track(anonymousId=visitor, timestamp="no"), key="browser-key")
    assert len(letters()) == 1


def test_a_cookie_that_outlived_its_answer_keeps_nothing(client: Client, browser: Source) -> None:
    consent(client, "analytics")
    old = client.cookies["pz_id"].value
    consent(client)
    client.cookies["pz_id"] = old
    send(client, track(timestamp="no"), key="browser-key")
    assert letters() == []


# -- how many ---------------------------------------------------------------------------


def test_no_more_wait_than_the_settings_say(
    client: Client, server: Source, make_source: Callable[..., Source], settings: Any
) -> None:
    settings.PERSONALIZATION_DEAD_LETTERS = 3
    bad = {"timestamp": "no"}
    send(client, track(**bad), track(**bad))
    send(client, track(**bad), track(**bad), track())
    send(client, track(**bad))
    assert len(letters()) == 3
    make_source(write_key="other-key")
    send(client, track(**bad), key="other-key")
    assert len(letters()) == 4
    DeadLetter.objects.filter(source=server).update(status=DeadLetter.Status.DISCARDED)
    send(client, track(**bad))
    assert len(letters()) == 5


def test_what_a_client_sends_again_does_not_wait_twice(client: Client, server: Source) -> None:
    bad = track(timestamp="no", messageId="one")
    send(client, bad, bad)
    send(client, bad, track(timestamp="no", messageId="two"))
    assert [letter.message_id for letter in letters()] == ["one", "two"]
    DeadLetter.objects.update(status=DeadLetter.Status.DISCARDED)
    send(client, bad)
    assert len(letters()) == 3


def test_an_event_without_an_id_gets_one_to_be_replayed_by(client: Client, server: Source) -> None:
    send(client, track(timestamp="no", messageId=...), track(timestamp="no", messageId="x" * 300))
    ids = [letter.message_id for letter in letters()]
    assert len(set(ids)) == 2
    assert all(0 < len(each) <= 100 for each in ids)


def test_an_id_that_cannot_be_stored_is_replaced(client: Client, server: Source) -> None:
    send(client, track(messageId="a\x00b"), track(messageId=17, timestamp="no"))
    poisoned, number = letters()
    assert len(poisoned.message_id) == 32
    assert number.message_id == "17"


def test_good_events_cost_nothing_here(
    client: Client, server: Source, django_assert_num_queries: Any
) -> None:
    sender = _sender()
    no_consent = Rejection(index=0, code="no_consent", message="", call=track())
    with django_assert_num_queries(0):
        set_aside([], source=server, sender=sender)
        set_aside([no_consent], source=server, sender=sender)


def test_many_refused_cost_as_much_as_one(server: Source, django_assert_num_queries: Any) -> None:
    bad = [Rejection(index=n, code="too_old", message="Old.", call=track()) for n in range(50)]
    # Who is suppressed, whose, waiting already, how many wait, insert, and the savepoint of the
    # test around.
    with django_assert_num_queries(7):
        set_aside(bad, source=server, sender=_sender())
    assert len(letters()) == 50


def test_an_answer_that_failed_is_no_loss(
    client: Client, server: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Set aside first: what the client sends again after a failure does not wait twice."""

    def fail(*args: Any) -> None:
        raise OperationalError("gone")

    monkeypatch.setattr(DatabaseBuffer, "append", fail)
    body = json.dumps({"batch": [track(), track(timestamp="no", messageId="one")]})
    assert post(client, body).status_code == 503
    monkeypatch.undo()
    assert post(client, body).status_code == 200
    assert [letter.message_id for letter in letters()] == ["one"]


# -- what is proved ---------------------------------------------------------------------


def test_a_sender_is_read_back_as_it_was(browser: Source) -> None:
    agent = Agent(user_agent="Mozilla", headers={"Purpose": "x"}, method="GET")
    for sender in (
        _sender(trusted=False, visitor_id="v1", sent_at=NOW - timedelta(seconds=3), agent=agent),
        _sender(trusted=False),
    ):
        proof = json.loads(json.dumps(proof_of(sender)))
        letter = DeadLetter(source=browser, sender=proof, received_at=NOW)
        assert sender_of(letter) == sender


def test_a_source_that_is_believed_no_more_is_not_believed_later(browser: Source) -> None:
    letter = DeadLetter(source=browser, sender=proof_of(_sender()), received_at=NOW)
    assert not sender_of(letter).trusted


# -- what the worker cannot process -----------------------------------------------------


def test_what_the_worker_gave_up_is_set_aside_and_its_neighbours_stored(
    client: Client, server: Source, settings: Any
) -> None:
    settings.PERSONALIZATION_BUFFER_ATTEMPTS = 1
    send(client, track("Good"))
    row = BufferedBatch.objects.get()
    bad = {"no": "arrival \x00"}
    events = [*json.loads(row.payload), bad]
    row.delete()
    DatabaseBuffer().append(Batch(source_id=server.pk, events=events, received_at=NOW))
    drain()
    assert [event.name for event in Event.objects.all()] == ["Good"]
    (letter,) = letters()
    assert (letter.code, letter.source, letter.received_at) == ("processing_failed", server, NOW)
    assert json.loads(letter.body) == bad
    assert letter.message.startswith("KeyError")


def test_an_event_that_was_taken_is_set_aside_however_many_wait(
    client: Client, server: Source, settings: Any
) -> None:
    settings.PERSONALIZATION_DEAD_LETTERS = 1
    send(client, track(timestamp="no"), track(messageId="two"), track(messageId="three"))
    events = json.loads(BufferedBatch.objects.get().payload)
    batch = Batch(source_id=server.pk, events=events, received_at=NOW)
    quarantine.bury(batch, ValueError("NUL \x00 in it"))
    _, two, three = letters()
    assert (two.message_id, two.namespace, two.value) == ("two", "user", "u1")
    assert two.message == "ValueError: NUL \\0 in it"
    assert three.message_id == "three"


def test_of_those_who_refused_meanwhile_nothing_is_buried(client: Client, server: Source) -> None:
    consent(client, "analytics")
    visitor = _visitor(client)
    send(client, track(userId=..., anonymousId=visitor), track(userId="u2"))
    consent(client)
    events = json.loads(BufferedBatch.objects.get().payload)
    batch = Batch(source_id=server.pk, events=events, received_at=NOW)
    quarantine.bury(batch, ValueError("no"))
    assert [letter.value for letter in letters()] == ["u2"]


# -- what is over -----------------------------------------------------------------------


def test_what_was_resolved_a_month_ago_is_purged(server: Source) -> None:
    def make(status: str, days: int) -> DeadLetter:
        at = None if status == WAITING else NOW - timedelta(days=days)
        return DeadLetter.objects.create(
            source=server, code="too_old", body="{}", status=status, resolved_at=at,
            received_at=NOW - timedelta(days=days),
        )  # fmt: skip

    kept = [make(WAITING, 400), make(DeadLetter.Status.REPLAYED, 29)]
    make(DeadLetter.Status.REPLAYED, 31)
    make(DeadLetter.Status.DISCARDED, 31)
    assert purge_resolved(now=NOW) == 2
    assert letters() == kept


def test_what_is_set_aside_is_counted(client: Client, server: Source) -> None:
    before = metrics.snapshot().get("events.set_aside", 0)
    send(client, track(timestamp="no"), track(timestamp="no"), track())
    assert metrics.snapshot()["events.set_aside"] == before + 2
