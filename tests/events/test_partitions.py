from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError, connection, transaction
from django.test import Client

from personalization.events import partitions
from personalization.events.models import Event, Source
from personalization.events.partitions import Month, is_partitioned, make_months, months
from personalization.ingest.accept import keep
from personalization.ingest.calls import read_event
from personalization.ingest.identities import Sender
from personalization.profiles.models import Profile
from personalization.testing import drain
from tests.events.others import meanwhile

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
FIRST = Month(2024, 10)


def on_postgres(test: Any) -> Any:
    """What the test makes, months too, is rolled back."""
    return pytest.mark.postgres(pytest.mark.django_db(test))


def committed_on_postgres(test: Any) -> Any:
    """Others see what the test makes."""
    return pytest.mark.postgres(pytest.mark.django_db(transaction=True)(test))


# -- months, on any machine -----------------------------------------------------------------


def test_a_month_ends_where_the_next_one_starts() -> None:
    month = Month(2026, 11)
    assert (month.start, month.end) == (
        datetime(2026, 11, 1, tzinfo=UTC),
        datetime(2026, 12, 1, tzinfo=UTC),
    )
    assert month.next == Month(2026, 12)
    assert month.next.next == Month(2027, 1)
    assert month.table == "personalization_event_2026_11"
    assert str(Month(2026, 3)) == "2026-03"


def test_months_are_those_of_utc() -> None:
    vienna = datetime.fromisoformat("2026-12-01T00:30:00+01:00")
    assert Month.of(vienna) == Month(2026, 11)


@pytest.mark.django_db
def test_elsewhere_than_on_postgresql_the_events_lie_in_one_plain_table() -> None:
    if connection.vendor == "postgresql":
        pytest.skip("this is PostgreSQL")
    assert not is_partitioned()
    assert make_months(first=FIRST, now=NOW) == {}
    assert months() == []
    names = connection.introspection.table_names()
    assert [name for name in names if name.startswith("personalization_event_")] == []


# -- waiting for others ---------------------------------------------------------------------


class Refused(Exception):
    def __init__(self, sqlstate: str) -> None:
        self.sqlstate = sqlstate


def refusing(*states: str) -> Callable[[], str]:
    remaining = list(states)

    def work() -> str:
        if remaining:
            raise OperationalError("no") from Refused(remaining.pop(0))
        return "done"

    return work


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    found: list[float] = []
    monkeypatch.setattr(partitions.time, "sleep", found.append)
    return found


def test_a_lock_that_others_hold_is_asked_for_again(pauses: list[float]) -> None:
    assert partitions.patiently(refusing("55P03", "40P01")) == "done"
    assert len(pauses) == 2
    assert all(0 < pause < 1 for pause in pauses)


def test_patience_ends(pauses: list[float]) -> None:
    with pytest.raises(OperationalError):
        partitions.patiently(refusing(*["55P03"] * 1000))
    assert len(pauses) == partitions.TRIES - 1


def test_another_failure_is_not_waited_for(pauses: list[float]) -> None:
    with pytest.raises(OperationalError):
        partitions.patiently(refusing("57P01"))
    assert pauses == []


# -- on PostgreSQL --------------------------------------------------------------------------


@pytest.fixture
def store(make_profile: Any, make_event: Any) -> Callable[..., Event]:
    """Store an event of one visitor."""
    profiles: list[Profile] = []

    def store(at: datetime, name: str = "Product Viewed", **fields: Any) -> Event:
        if not profiles:
            profiles.append(make_profile())
        event: Event = make_event(profiles[0], name, at=at, **fields)
        return event

    return store


def partition_of(event: Event) -> str:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tableoid::regclass::text FROM personalization_event WHERE id = %s", [event.pk]
        )
        ((name,),) = cursor.fetchall()
    return str(name).removeprefix("personalization_event_")


def plan_of(sql: str, *parameters: object) -> str:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {sql}", parameters)
        return "\n".join(line for (line,) in cursor.fetchall())


@on_postgres
def test_events_are_taken_before_there_is_any_month(store: Callable[..., Event]) -> None:
    assert is_partitioned()
    assert months() == []
    assert partition_of(store(NOW)) == "default"


@on_postgres
def test_this_month_and_the_next_three_are_made_once() -> None:
    expected = [Month(2026, 11), Month(2026, 12), Month(2027, 1), Month(2027, 2)]
    assert make_months(first=FIRST, now=NOW) == dict.fromkeys(expected, 0)
    assert months() == expected
    assert make_months(first=FIRST, now=NOW) == {}
    assert make_months(first=FIRST, now=NOW + timedelta(days=30)) == {Month(2027, 3): 0}


@on_postgres
def test_rows_land_in_the_month_they_happened_in(store: Callable[..., Event]) -> None:
    make_months(first=FIRST, now=NOW)
    month, tick = Month(2026, 11), timedelta(microseconds=1)
    places = {
        month.start - tick: "default",
        month.start: "2026_11",
        month.end - tick: "2026_11",
        month.end: "2026_12",
        Month(2027, 3).start: "default",
    }
    assert {at: partition_of(store(at)) for at in places} == places


@on_postgres
def test_what_lay_in_the_default_partition_moves_into_its_month(
    store: Callable[..., Event],
) -> None:
    late = [store(datetime(2026, 9, day, tzinfo=UTC)) for day in (1, 15, 30)]
    early = store(NOW, properties={"deep": [1, None, "ü"]})
    ancient = store(datetime(2024, 9, 30, tzinfo=UTC))
    before = list(Event.objects.order_by("pk").values())
    made = make_months(first=FIRST, now=NOW)
    assert made[Month(2026, 9)] == 3
    assert made[Month(2026, 11)] == 1
    assert Month(2026, 10) not in made
    assert [partition_of(event) for event in late] == ["2026_09"] * 3
    assert partition_of(early) == "2026_11"
    assert partition_of(ancient) == "default", "it is about to go"
    assert list(Event.objects.order_by("pk").values()) == before


@on_postgres
def test_numbers_go_on_in_every_partition(store: Callable[..., Event]) -> None:
    one = store(NOW)
    make_months(first=FIRST, now=NOW)
    two, three = store(NOW), store(datetime(2020, 1, 1, tzinfo=UTC))
    assert one.pk < two.pk < three.pk
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_get_serial_sequence('personalization_event', 'id')")
        assert cursor.fetchone() == ("public.personalization_event_id_seq",)


@on_postgres
def test_a_query_of_a_window_reads_its_months_only(store: Callable[..., Event]) -> None:
    make_months(first=FIRST, now=NOW)
    store(NOW)
    windowed = plan_of(
        "SELECT count(*) FROM personalization_event"
        " WHERE name = 'Product Viewed' AND timestamp >= %s AND timestamp < %s",
        Month(2026, 11).start,
        Month(2026, 11).end,
    )
    assert "personalization_event_2026_11" in windowed
    assert not any(other in windowed for other in ("2026_12", "2027_01", "default"))
    query = Event.objects.filter(identity=1, timestamp__gte=Month(2026, 12).start)
    assert "2026_11" not in query.explain()
    assert "2026_12" in query.explain()
    assert "2026_11" in plan_of("SELECT count(*) FROM personalization_event")


@on_postgres
def test_every_partition_has_the_indexes_and_keys_of_the_whole() -> None:
    def of(table: str) -> tuple[int, int]:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT (SELECT count(*) FROM pg_index WHERE indrelid = %s::regclass),"
                " (SELECT count(*) FROM pg_constraint"
                " WHERE conrelid = %s::regclass AND contype IN ('f', 'p'))",
                [table, table],
            )
            found: tuple[int, int] = cursor.fetchone()
            return found

    make_months(first=FIRST, now=NOW)
    whole = of("personalization_event")
    assert min(whole) > 0
    assert of(partitions.DEFAULT) == whole
    assert of(Month(2026, 11).table) == whole


@on_postgres
def test_a_repetition_in_another_month_is_known(make_source: Callable[..., Source]) -> None:
    make_months(first=FIRST, now=NOW)
    source, sender = make_source(), Sender(trusted=True, visitor_id=None, received_at=NOW)
    call = {"type": "track", "event": "Product Viewed", "userId": "u1", "messageId": "m1"}
    for month in (11, 10, 11, 1):
        at = {"timestamp": f"2026-{month:02}-01T00:00:00Z"}
        keep([read_event({**call, **at}, sender=sender)], source=source, sender=sender)
        assert drain(now=NOW) == 1
    assert partition_of(Event.objects.get()) == "2026_11"


@committed_on_postgres
def test_events_go_on_coming_while_months_are_made(
    store: Callable[..., Event], make_event: Callable[..., Event]
) -> None:
    first = store(NOW)
    profile = first.identity.profile
    stored: list[int] = []

    def add() -> None:
        with transaction.atomic():
            # As the worker does: it reads, and then it writes.
            assert Event.objects.filter(identity=first.identity).exists()
            for month in range(1, 13):
                at = datetime(2026, month, 7, tzinfo=UTC)
                event = make_event(profile, "Seen", at=at, source=first.source)
                stored.append(event.pk)

    with meanwhile(add, add, add):
        for _ in range(3):
            make_months(first=FIRST, now=NOW)
        give_up_at = time.monotonic() + 60  # a busy machine has not stored anything yet
        while len(months()) < 12 and time.monotonic() < give_up_at:
            make_months(first=FIRST, now=NOW)
    assert len(months()) >= 12
    assert Event.objects.filter(name="Seen").count() == len(stored)
    assert set(Event.objects.filter(name="Seen").values_list("pk", flat=True)) == set(stored)


@committed_on_postgres
def test_two_may_make_the_same_months_at_once(store: Callable[..., Event]) -> None:
    for month in range(1, 11):
        store(datetime(2026, month, 3, tzinfo=UTC))
    made: list[dict[Month, int]] = []

    def make() -> None:
        try:
            made.append(make_months(first=FIRST, now=NOW))
        finally:
            connection.close()

    threads = [threading.Thread(target=make) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(months()) == 14
    assert sum(sum(each.values()) for each in made) == 10
    assert Event.objects.count() == 10


@committed_on_postgres
def test_months_can_be_made_in_a_transaction_that_has_stored_events(
    store: Callable[..., Event],
) -> None:
    with transaction.atomic():
        event = store(NOW)
        make_months(first=FIRST, now=NOW)
        assert partition_of(event) == "2026_11"


@on_postgres
def test_events_can_be_changed_and_deleted_like_any_row(store: Callable[..., Event]) -> None:
    make_months(first=FIRST, now=NOW)
    here, there, gone = store(NOW), store(NOW + timedelta(days=31)), store(NOW)
    here.timestamp = there.timestamp
    here.save()
    assert partition_of(here) == "2026_12"
    assert gone.delete()[0] == 1
    assert Event.objects.get(pk=there.pk).timestamp == there.timestamp
    Profile.objects.all().delete()
    assert not Event.objects.exists()


@on_postgres
def test_the_admin_lists_and_shows_events_of_all_months(
    client: Client, store: Callable[..., Event]
) -> None:
    make_months(first=FIRST, now=NOW)
    client.force_login(User.objects.create_superuser("ann"))
    for at in (NOW, NOW - timedelta(days=400)):
        event = store(at)
        page = client.get(f"/admin/personalization/event/{event.pk}/change/")
        assert page.status_code == 200
    listed = client.get("/admin/personalization/event/").content.decode()
    assert listed.count("Product Viewed") >= 2
