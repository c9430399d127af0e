"""Workers side by side, each with its own connection: nothing is lost, nothing doubled."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, TypeVar

import pytest
from django.db import OperationalError, connection, transaction

from personalization.events.buffer import buffer
from personalization.events.buffers.database import DatabaseBuffer
from personalization.events.models import BufferedBatch, Event, Source, StoredMessage
from personalization.ingest import pipeline
from personalization.ingest.pipeline import process_events
from personalization.monitoring.audit import audit_profiles
from personalization.privacy.consent import record_consent
from personalization.privacy.models import Mechanism
from personalization.profiles.identity import Key, find_or_create
from personalization.profiles.models import Identity, Profile, Snapshot
from personalization.segments.models import Segment
from personalization.segments.refresh import refresh_segments
from tests.ingest.history import END, RULES, deliver, outcome

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]

R = TypeVar("R")
DEVICE = Key(Identity.ANONYMOUS, "a1")


def _call(**fields: Any) -> dict[str, Any]:
    call = {"type": "track", "event": "Product Viewed", "timestamp": END.isoformat()}
    return {**call, **fields}


@contextmanager
def _elsewhere() -> Iterator[Callable[..., Future[Any]]]:
    """Give a way to start work in another thread, with a connection of its own."""

    def closing(work: Callable[..., R], *args: Any, **kwargs: Any) -> R:
        try:
            return work(*args, **kwargs)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        yield lambda work, *args, **kwargs: pool.submit(closing, work, *args, **kwargs)


def _wait_until_somebody_waits_for_us() -> None:
    end = time.monotonic() + 60
    waiting = (
        "SELECT COUNT(*) FROM pg_locks "
        "WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid))"
    )
    while time.monotonic() < end:
        with connection.cursor() as cursor:
            cursor.execute(waiting)
            if cursor.fetchone()[0]:
                return
        time.sleep(0.02)
    raise AssertionError("nobody waits for a lock of ours")


def _counted() -> int:
    return sum(int(snapshot.features["events.count"]) for snapshot in Snapshot.objects.all())


def _process_next() -> None:
    """Do what a worker does with one batch, within the transaction of the caller."""
    assert pipeline._process_or_split(buffer().claim(1), now=END) == 1


def test_a_worker_claims_past_what_another_one_holds(server: Source) -> None:
    deliver(server, [[_call(userId=f"u{n}")] for n in range(4)], at=END)

    def ids() -> list[Any]:
        with transaction.atomic():
            return [batch.id for batch in DatabaseBuffer().claim(2)]

    with _elsewhere() as start, transaction.atomic():
        mine = [batch.id for batch in DatabaseBuffer().claim(2)]
        others = start(ids).result(timeout=60)
    assert mine + others == list(BufferedBatch.objects.order_by("pk").values_list("pk", flat=True))


def test_two_workers_create_the_same_identity_once(server: Source) -> None:
    def create() -> int:
        with transaction.atomic():
            return find_or_create([DEVICE])[DEVICE].profile_id

    with _elsewhere() as start:
        with transaction.atomic():
            mine = find_or_create([DEVICE])[DEVICE].profile_id
            other = start(create)
            _wait_until_somebody_waits_for_us()
        assert other.result(timeout=60) == mine
    assert [model.objects.count() for model in (Identity, Profile, Snapshot)] == [1, 1, 1]


def test_two_workers_store_the_same_message_once(server: Source) -> None:
    deliver(server, [[_call(userId="u1", messageId="one")]] * 2, at=END)
    with _elsewhere() as start:
        with transaction.atomic():
            _process_next()
            other = start(process_events, now=END)
            _wait_until_somebody_waits_for_us()
        assert other.result(timeout=60) == 1
    assert (Event.objects.count(), _counted()) == (1, 1)
    assert not BufferedBatch.objects.exists()
    assert not list(audit_profiles(now=END))


def test_a_visitor_goes_on_while_another_worker_joins_it_with_a_user(server: Source) -> None:
    deliver(server, [[_call(anonymousId="a1"), _call(userId="u1")]], at=END)
    process_events(now=END)
    deliver(server, [[_call(anonymousId="a1", userId="u1")], [_call(anonymousId="a1")]], at=END)
    with _elsewhere() as start:
        with transaction.atomic():
            _process_next()
            other = start(process_events, now=END)
            _wait_until_somebody_waits_for_us()
        assert other.result(timeout=60) == 1
    assert not BufferedBatch.objects.exists()
    assert (Profile.objects.count(), Event.objects.count(), _counted()) == (1, 4, 4)
    assert not list(audit_profiles(now=END))


def test_a_visitor_is_joined_with_a_user_while_another_worker_adds_to_it(server: Source) -> None:
    deliver(server, [[_call(anonymousId="a1"), _call(userId="u1")]], at=END)
    process_events(now=END)
    earlier = (END - timedelta(days=1)).isoformat()  # another visit
    new_visit = [_call(anonymousId="a1", timestamp=earlier)]
    deliver(server, [new_visit, [_call(anonymousId="a1", userId="u1")]], at=END)
    with _elsewhere() as start:
        with transaction.atomic():
            _process_next()
            other = start(process_events, now=END)
            _wait_until_somebody_waits_for_us()
        assert other.result(timeout=60) == 1
    assert (Profile.objects.count(), Event.objects.count(), _counted()) == (1, 4, 4)
    assert Snapshot.objects.get().features["visits.count"] == 2
    assert not list(audit_profiles(now=END))


def test_a_visitor_answers_while_a_worker_joins_it_with_a_user(server: Source) -> None:
    deliver(server, [[_call(anonymousId="a1"), _call(userId="u1")]], at=END)
    process_events(now=END)
    deliver(server, [[_call(anonymousId="a1", userId="u1")]], at=END)
    said = {"granted": ["analytics"], "mechanism": Mechanism.API, "now": END}
    with _elsewhere() as start:
        with transaction.atomic():
            _process_next()
            other = start(record_consent, DEVICE, **said)
            _wait_until_somebody_waits_for_us()
        other.result(timeout=60)
    assert Snapshot.objects.get().consents == {"analytics": True}


def test_many_workers_at_once_do_what_one_alone_does(
    server: Source, settings: Any, make_segment: Callable[..., Segment]
) -> None:
    settings.PERSONALIZATION_WORKER_BATCH = 4
    for slug, rule in RULES.items():
        make_segment(slug, rule)
    refresh_segments(now=END)
    batches = _busy_day(random.Random(7))
    deliver(server, batches, at=END)
    unique = {call["messageId"] for batch in batches for call in batch}
    with _elsewhere() as start:
        workers = [start(_work_until_empty) for _ in range(4)]
        for worker in workers:
            worker.result(timeout=120)
    assert not BufferedBatch.objects.exists(), "nothing failed for good"
    assert (Event.objects.count(), _counted()) == (len(unique), len(unique))
    assert not list(audit_profiles(now=END))
    together = outcome(now=END)

    for model in (Event, StoredMessage, Profile):
        model.objects.all().delete()
    deliver(server, batches, at=END)
    process_events(now=END)
    assert outcome(now=END) == together


def _busy_day(dice: random.Random) -> list[list[dict[str, Any]]]:
    """Return requests of a few people on devices of their own and shared ones, some twice."""
    calls = []
    for number in range(180):
        person = dice.choice("abcdef")
        device = dice.choice([f"{person}0", f"{person}1", "tablet", "kiosk"])
        who = dice.choice(
            [{"userId": person}, {"anonymousId": device}, {"userId": person, "anonymousId": device}]
        )
        at = END - timedelta(minutes=dice.randrange(3 * 24 * 60))
        calls.append(_call(**who, messageId=f"m{number}", timestamp=at.isoformat()))
    calls += dice.sample(calls, 40)
    dice.shuffle(calls)
    return [calls[start : start + 3] for start in range(0, len(calls), 3)]


def _work_until_empty() -> None:
    """Sweep as a worker does: after a deadlock the next sweep tries again."""
    end = time.monotonic() + 100
    while BufferedBatch.objects.exists():
        assert time.monotonic() < end
        try:
            process_events(now=END)
        except OperationalError:
            connection.close()
