"""A batch that fails stands alone; what fails half-way has not happened."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import OperationalError
from django.test import Client

from personalization import metrics
from personalization.events.buffer import Batch
from personalization.events.buffers.database import DatabaseBuffer
from personalization.events.models import BufferedBatch, Event, Source
from personalization.ingest import pipeline
from personalization.ingest.calls import read_event
from personalization.ingest.identities import Sender
from personalization.ingest.models import DeadLetter
from personalization.profiles.locks import ProfileMoved
from personalization.profiles.models import Identity, Profile, Snapshot
from personalization.testing import drain
from tests.ingest.sending import Call, send, track

pytestmark = pytest.mark.django_db


def _spoil(server: Source, *beside: Call) -> None:
    """Put a batch into the buffer one event of which cannot be processed."""
    now = datetime.now(UTC)
    sender = Sender(trusted=True, visitor_id=None, received_at=now)
    good = [read_event(call, sender=sender).to_json() for call in beside]
    batch = Batch(source_id=server.pk, events=[*good, {"no": "arrival"}], received_at=now)
    DatabaseBuffer().append(batch)


def _counted() -> int:
    return sum(int(s.features["events.count"]) for s in Snapshot.objects.all())


def test_a_batch_that_fails_takes_no_neighbour_along(client: Client, server: Source) -> None:
    for number in range(11):
        if number in (0, 5, 6):
            _spoil(server)
        send(client, track(userId=f"u{number % 3}"))
    before = metrics.snapshot().get("events.batches_failed", 0)
    assert drain() == 11
    assert (Event.objects.count(), _counted()) == (11, 11)
    waiting = BufferedBatch.objects.order_by("pk")
    assert {row.error for row in waiting} == {"KeyError: 'joins'"}
    assert metrics.snapshot()["events.batches_failed"] >= before + 3


def test_a_batch_that_fails_again_and_again_is_taken_apart(
    client: Client, server: Source, settings: Any
) -> None:
    settings.PERSONALIZATION_BUFFER_ATTEMPTS = 3
    _spoil(server, track(messageId="good"))
    for attempt in range(1, 3):
        assert drain() == 0
        assert BufferedBatch.objects.get().attempts == attempt
    assert not DeadLetter.objects.exists()
    assert drain() == 1
    assert not BufferedBatch.objects.exists()
    assert Event.objects.get().message_id == "good"
    letter = DeadLetter.objects.get()
    assert (letter.source, letter.code) == (server, "processing_failed")
    assert (json.loads(letter.body), letter.message) == ({"no": "arrival"}, "KeyError: 'joins'")


@pytest.mark.slow
def test_an_event_with_very_many_namespaces_holds_up_nobody(client: Client, server: Source) -> None:
    def ids(place: int) -> list[dict[str, str]]:
        return [{"type": f"n{place}-{number}", "id": "x"} for number in range(20)]

    send(client, *(track(context={"externalIds": ids(place)}) for place in range(60)))
    send(client, track())
    assert drain() == 2
    assert Event.objects.count() == 61


def _operational(**codes: Any) -> OperationalError:
    cause = Exception("from the database")
    vars(cause).update(codes)
    error = OperationalError("no")
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    "error",
    [_operational(sqlstate="57014"), _operational(sqlstate="54001"),
     _operational(sqlite_errorcode=1)],
)  # fmt: skip
def test_what_fails_for_good_is_counted_as_a_try(
    client: Client, server: Source, monkeypatch: pytest.MonkeyPatch, error: OperationalError
) -> None:
    def fail(*args: Any, **kwargs: Any) -> None:
        raise error

    monkeypatch.setattr(pipeline, "apply_events", fail)
    send(client, track())
    assert drain() == 0
    assert BufferedBatch.objects.get().attempts == 1


@pytest.mark.parametrize(
    "error",
    [_operational(sqlstate="40P01"), _operational(sqlstate="08006"), _operational(),
     _operational(sqlstate="53300"), _operational(sqlite_errorcode=517)],
)  # fmt: skip
def test_what_another_try_can_mend_is_left_to_it(
    client: Client, server: Source, monkeypatch: pytest.MonkeyPatch, error: OperationalError
) -> None:
    def fail(*args: Any, **kwargs: Any) -> None:
        raise error

    monkeypatch.setattr(pipeline, "apply_events", fail)
    send(client, track())
    with pytest.raises(OperationalError):
        drain()
    assert BufferedBatch.objects.get().attempts == 0


@pytest.mark.parametrize(
    "spoilt",
    [{"key": ["user", ["u"]]}, {"key": "u"}, {"key": ["n" * 99, "u"]}, {"key": ["user", "u" * 999]},
     {"message_id": "m" * 999}, {"message_id": 7}, {"name": None}, {"at": "noon"},
     {"joins": [["user"]]}, {"properties": None}],
)  # fmt: skip
def test_what_no_table_holds_is_set_aside_and_the_worker_lives(
    client: Client, server: Source, settings: Any, spoilt: dict[str, Any]
) -> None:
    settings.PERSONALIZATION_BUFFER_ATTEMPTS = 1
    sender = Sender(trusted=True, visitor_id=None, received_at=datetime.now(UTC))
    good, bad = (read_event(track(), sender=sender).to_json() for _ in range(2))
    batch = Batch(
        source_id=server.pk, events=[good, {**bad, **spoilt}], received_at=sender.received_at
    )
    DatabaseBuffer().append(batch)
    send(client, track())
    drain()
    assert not BufferedBatch.objects.exists()
    # SQLite keeps a text of any length.
    assert Event.objects.count() + DeadLetter.objects.count() == 3
    assert Event.objects.count() >= 2


def test_what_a_newer_server_says_more_is_left_out(client: Client, server: Source) -> None:
    sender = Sender(trusted=True, visitor_id=None, received_at=datetime.now(UTC))
    event = {**read_event(track(), sender=sender).to_json(), "of_tomorrow": 1}
    DatabaseBuffer().append(
        Batch(source_id=server.pk, events=[event], received_at=sender.received_at)
    )
    assert drain() == 1
    assert Event.objects.count() == 1


@pytest.mark.parametrize("death", [KeyboardInterrupt, SystemExit, OperationalError, MemoryError])
def test_a_worker_that_dies_half_way_has_done_nothing(
    client: Client, server: Source, monkeypatch: pytest.MonkeyPatch, death: type[BaseException]
) -> None:
    send(client, track(), track(type="identify", anonymousId="a1"))
    alive = pipeline.apply_events

    def die(*args: Any, **kwargs: Any) -> None:
        alive(*args, **kwargs)
        raise death("gone")

    monkeypatch.setattr(pipeline, "apply_events", die)
    if death is MemoryError:  # one batch is too much: it is tried again, and parked in the end
        assert drain() == 0
    else:
        with pytest.raises(death):
            drain()
        assert BufferedBatch.objects.get().attempts == 0
    for model in (Event, Profile, Identity, Snapshot):
        assert not model.objects.exists()
    monkeypatch.undo()
    assert drain() == 1
    assert (Event.objects.count(), _counted()) == (2, 2)


def test_profiles_that_other_workers_keep_moving_are_looked_up_again(
    client: Client, server: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    send(client, track(), track("Later"))
    real = pipeline.hold_profiles_of
    tries = []

    def moved(identities: Collection[Identity]) -> Mapping[int, Snapshot]:
        tries.append(len(identities))
        if len(tries) == 1:
            raise ProfileMoved
        return real(identities)

    monkeypatch.setattr(pipeline, "hold_profiles_of", moved)
    assert drain() == 1
    assert tries == [1, 1]
    assert not BufferedBatch.objects.exists()
    assert (Event.objects.count(), _counted()) == (2, 2)


def test_no_transaction_takes_more_events_than_allowed(
    client: Client, server: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "MOST_EVENTS", 10)
    monkeypatch.setattr(pipeline, "MOST_EVENTS_ALONE", 10)
    sizes = _watch_sizes(monkeypatch)
    for size in (4, 4, 4, 25, 1, 1, 10, 10, 1):
        send(client, *(track() for _ in range(size)))
    assert drain() == 9
    assert sizes == [8, 4, 25, 2, 10, 10, 1]
    assert (Event.objects.count(), _counted()) == (60, 60)


def test_long_batches_are_not_all_read_again_for_each_one_processed(
    client: Client, server: Source, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    settings.PERSONALIZATION_WORKER_BATCH = 16
    monkeypatch.setattr(pipeline, "MOST_EVENTS", 10)
    monkeypatch.setattr(pipeline, "MOST_EVENTS_ALONE", 10)
    limits: list[int] = []
    claim = DatabaseBuffer.claim

    def watched(self: DatabaseBuffer, limit: int) -> list[Batch]:
        limits.append(limit)
        return claim(self, limit)

    monkeypatch.setattr(DatabaseBuffer, "claim", watched)
    for size in (9, 9, 9, 9, *[1] * 30):
        send(client, *(track() for _ in range(size)))
    assert drain() == 34
    assert limits[:4] == [16, 1, 2, 1], "long batches are claimed one or two at a time"
    assert limits[4:8] == [2, 4, 8, 16], "short ones in growing numbers"


def _watch_sizes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    sizes: list[int] = []
    real: Callable[..., None] = pipeline._process

    def watched(batches: Sequence[Batch], *, now: datetime) -> None:
        sizes.append(sum(len(batch.events) for batch in batches))
        real(batches, now=now)

    monkeypatch.setattr(pipeline, "_process", watched)
    return sizes
