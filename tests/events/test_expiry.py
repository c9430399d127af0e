from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection
from django.utils import timezone

from personalization import hints, metrics, tasks
from personalization.events import expiry, partitions
from personalization.events.archive import Archive
from personalization.events.expiry import first_kept, keep_months, sweep
from personalization.events.models import Event, Source, StoredMessage
from personalization.events.partitions import Month, is_partitioned, make_months, months
from personalization.exceptions import UnreadableFile
from personalization.ingest import restore as restoring
from personalization.ingest.accept import keep
from personalization.ingest.calls import read_event
from personalization.ingest.identities import Sender
from personalization.ingest.pipeline import process_events
from personalization.ingest.restore import restore
from personalization.management.commands import partition_events, run_worker
from personalization.monitoring.audit import audit_profiles
from personalization.profiles.models import Profile, Snapshot, Visit
from personalization.segments.models import Segment
from personalization.segments.refresh import refresh_segments
from personalization.testing import drain
from tests.events.others import meanwhile
from tests.factories import make_segment, make_source
from tests.rules.building import happened, rule

__all__ = ["make_segment", "make_source"]

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
#: All of August is kept for ninety days before that.
AUGUST = Month(2026, 8)


@pytest.fixture(autouse=True)
def _ninety_days(settings: Any) -> None:
    settings.PERSONALIZATION_RETENTION = timedelta(days=90)


@pytest.fixture
def source(make_source: Callable[..., Source]) -> Source:
    return make_source(slug="shop")


@pytest.fixture
def receive(source: Source) -> Callable[..., None]:
    """Take events in on the day they happened, and let the worker do its turn then."""

    def receive(*calls: tuple[str, str, datetime], source: Source = source) -> None:
        for message, who, at in calls:
            sender = Sender(trusted=True, visitor_id=None, received_at=at)
            name = "Order Completed" if who == "u1" else "Product Viewed"
            call = {"type": "track", "event": name, "userId": who, "messageId": message}
            arrival = read_event({**call, "timestamp": at.isoformat()}, sender=sender)
            keep([arrival], source=source, sender=sender)
            drain(now=at)

    return receive


def day(month: int, number: int = 15, *, year: int = 2026) -> datetime:
    return datetime(year, month, number, 12, tzinfo=UTC)


OLD = [("m1", "u1", day(6)), ("m2", "u2", day(6)), ("m3", "u1", day(7, 31))]
KEPT = [("m4", "u1", day(8, 1)), ("m5", "u3", day(9)), ("m6", "u1", day(11, 1))]


def messages() -> list[str]:
    return sorted(Event.objects.values_list("message_id", flat=True))


def counted() -> dict[str, int]:
    """Return how many events each user's snapshot counts."""
    rows = Snapshot.objects.filter(profile__identities__namespace="user").values_list(
        "profile__identities__value", "features"
    )
    return {user: features.get("events.count", 0) for user, features in rows}


def state() -> Any:
    """Return all that follows from the events."""
    snapshots = Snapshot.objects.values_list(
        "traits", "features", "counters", "first_seen", "last_seen"
    )
    return list(snapshots.order_by("pk")), sorted(Visit.objects.values_list("started_at", "events"))


def refresh() -> None:
    drain(now=NOW)


def test_only_whole_months_go(settings: Any) -> None:
    assert first_kept(NOW) == AUGUST
    assert first_kept(day(10, 30)) == AUGUST
    assert first_kept(day(10, 29) + timedelta(hours=12)) == AUGUST
    assert first_kept(day(10, 29)) == Month(2026, 7)


def test_what_is_too_old_goes_and_profiles_follow(receive: Any) -> None:
    receive(*OLD, *KEPT)
    assert counted() == {"u1": 4, "u2": 1, "u3": 1}
    kept = keep_months(now=NOW)
    assert kept.gone == {Month(2026, 6): 2, Month(2026, 7): 1}
    assert kept.files == []
    assert messages() == ["m4", "m5", "m6"]
    refresh()
    assert counted() == {"u1": 2, "u2": 0, "u3": 1}
    assert Visit.objects.count() == 3
    assert list(audit_profiles(now=NOW)) == []


def test_a_profile_that_loses_nothing_is_left_alone(receive: Any) -> None:
    receive(*OLD, *KEPT)
    keep_months(now=NOW)
    outdated = Snapshot.objects.filter(plan="").values_list("profile__identities__value", flat=True)
    assert sorted(outdated) == ["u1", "u2"]


def test_the_refresh_that_is_needed_is_hinted_at(
    receive: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    receive(*OLD)
    asked: list[str] = []
    monkeypatch.setattr(expiry.hints, "hint", asked.append)
    keep_months(now=day(7))
    assert asked == []
    keep_months(now=NOW)
    assert asked == [hints.REFRESH_SEGMENTS]


def test_memberships_end_with_the_events_they_rest_on(
    receive: Any, make_segment: Callable[..., Segment]
) -> None:
    buyers = make_segment("buyers", rule(happened("Order Completed", ">=", 3)))
    receive(*OLD, *KEPT)
    refresh()
    assert buyers.memberships.filter(settled=False).count() == 1
    keep_months(now=NOW)
    refresh()
    assert buyers.memberships.filter(settled=False, until=None).count() == 0


def test_the_state_is_that_of_a_site_which_never_had_the_old_events(receive: Any) -> None:
    receive(*OLD, *KEPT)
    keep_months(now=NOW)
    refresh()
    with_history, visits = state()
    Profile.objects.all().delete()
    StoredMessage.objects.all().delete()
    receive(*KEPT)
    refresh()
    without, same_visits = state()
    assert visits == same_visits
    # u2, whose events are all gone, is there still and has nothing.
    nothing = [row for row in with_history if row not in without]
    assert [row[3:] for row in nothing] == [(None, None)]
    assert len(with_history) == len(without) + 1


def test_a_second_run_finds_nothing_to_do(receive: Any) -> None:
    receive(*OLD, *KEPT)
    keep_months(now=NOW)
    kept = keep_months(now=NOW)
    assert (kept.made, kept.gone, kept.files, kept.forgotten) == ({}, {}, [], 0)


def test_events_are_deleted_in_portions_where_nothing_can_be_dropped(
    receive: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(expiry, "CHUNK", 2)
    receive(*((f"old{n}", f"u{n % 3}", day(6, 1 + n)) for n in range(7)), *KEPT)
    assert keep_months(now=NOW).gone == {Month(2026, 6): 7}
    assert messages() == ["m4", "m5", "m6"]
    assert Snapshot.objects.filter(plan="").count() == 3


# -- archives -------------------------------------------------------------------------------


def archived(folder: Path) -> dict[str, list[str]]:
    found = {}
    for path in sorted(folder.iterdir()):
        with gzip.open(path, "rt") as lines:
            found[path.name] = [json.loads(line)["messageId"] for line in lines]
    return found


def test_what_goes_is_written_before(receive: Any, tmp_path: Path, make_source: Any) -> None:
    receive(*OLD, *KEPT)
    receive(("m1", "u1", day(6)), source=make_source(slug="till"))
    kept = keep_months(now=NOW, archive=tmp_path)
    assert archived(tmp_path) == {
        "events-2026-06-shop.jsonl.gz": ["m1", "m2"],
        "events-2026-06-till.jsonl.gz": ["m1"],
        "events-2026-07-shop.jsonl.gz": ["m3"],
    }
    assert sorted(path.name for path in kept.files) == sorted(archived(tmp_path))
    assert messages() == ["m4", "m5", "m6"]


def test_an_archive_that_cannot_be_written_keeps_the_events(receive: Any, tmp_path: Path) -> None:
    receive(*OLD, *KEPT)
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(OSError, match="file"):
        keep_months(now=NOW, archive=tmp_path / "file")
    assert len(messages()) == 6
    assert not Snapshot.objects.filter(plan="").exists()


@pytest.fixture
def one_comes_late(monkeypatch: pytest.MonkeyPatch, receive: Any) -> Iterator[list[Archive]]:
    """An event of June is stored after the file was written, the first time."""
    written: list[Archive] = []
    write = expiry.write_archive

    def write_and_receive(month: Month, **options: Any) -> Archive:
        written.append(write(month, **options))
        if len(written) == 1:
            receive(("late", "u2", day(6, 30)))
        return written[-1]

    monkeypatch.setattr(expiry, "write_archive", write_and_receive)
    return written


def test_what_comes_while_the_file_is_written_is_not_lost(
    receive: Any, tmp_path: Path, one_comes_late: list[Archive]
) -> None:
    receive(*OLD)
    kept = keep_months(now=NOW, archive=tmp_path)
    names = {name for ids in archived(tmp_path).values() for name in ids}
    assert names == {"m1", "m2", "m3", "late"}
    assert messages() == []
    assert kept.gone == {Month(2026, 6): 3, Month(2026, 7): 1}
    assert len(kept.files) == len(archived(tmp_path))
    everything = [name for ids in archived(tmp_path).values() for name in ids]
    assert sorted(everything) == ["late", "m1", "m2", "m3"], "nothing twice"


def test_the_restored_state_is_the_one_before(
    receive: Any, tmp_path: Path, settings: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    receive(*OLD, *KEPT)
    before = state()
    keep_months(now=NOW, archive=tmp_path)
    refresh()
    assert state() != before
    settings.PERSONALIZATION_RETENTION = timedelta(days=36500)
    files = sorted(map(str, tmp_path.iterdir()))
    for _ in range(2):
        call_command("restore_events", *files, source="shop")
        refresh()
        assert state() == before
        assert len(messages()) == 6
    said = capsys.readouterr().out
    assert "2 of 2 events brought back" in said
    assert "0 of 2 events brought back" in said
    assert list(audit_profiles(now=NOW)) == []


def test_a_replay_through_the_front_door_counts_nothing_twice(
    receive: Any, tmp_path: Path, settings: Any
) -> None:
    receive(*OLD, *KEPT)
    before = counted()
    keep_months(now=NOW, archive=tmp_path)
    refresh()
    after = counted()
    settings.PERSONALIZATION_RETENTION = timedelta(days=36500)
    # The ledger knows what the archive holds of the last days; the rest comes back.
    for _ in range(2):
        for path in sorted(tmp_path.iterdir()):
            call_command("import_events", str(path), source="shop", format="jsonl", again=True)
            refresh()
        assert all(after[user] <= n <= before[user] for user, n in counted().items())


def test_what_lies_in_the_buffer_twice_is_restored_once(
    receive: Any, tmp_path: Path, settings: Any
) -> None:
    receive(*OLD)
    keep_months(now=NOW, archive=tmp_path)
    settings.PERSONALIZATION_RETENTION = timedelta(days=36500)
    for _ in range(2):
        call_command("restore_events", *map(str, tmp_path.iterdir()), source="shop")
    refresh()
    assert messages() == ["m1", "m2", "m3"]


@pytest.mark.parametrize("when", ["_hold", "_missing", "_forget"])
def test_a_worker_that_stores_what_waits_in_the_middle_of_a_second_run_doubles_nothing(
    receive: Any, tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    """The first run was killed: what it brought back waits in the buffer."""
    receive(*OLD)
    before = state()
    keep_months(now=NOW, archive=tmp_path)
    settings.PERSONALIZATION_RETENTION = timedelta(days=36500)
    june = str(min(tmp_path.iterdir()))
    call_command("restore_events", june, source="shop")
    step = getattr(restoring, when)

    def and_meanwhile(*args: Any) -> Any:
        found = step(*args)
        process_events(now=NOW)
        return found

    monkeypatch.setattr(restoring, when, and_meanwhile)
    call_command("restore_events", june, source="shop")
    monkeypatch.undo()
    call_command("restore_events", *map(str, tmp_path.iterdir()), source="shop")
    refresh()
    assert messages() == ["m1", "m2", "m3"]
    assert state() == before
    assert list(audit_profiles(now=NOW)) == []


def test_what_is_about_to_go_again_is_not_restored(receive: Any, tmp_path: Path) -> None:
    receive(*OLD)
    keep_months(now=NOW, archive=tmp_path)
    (june, _) = sorted(tmp_path.iterdir())
    with pytest.raises(CommandError, match=r"Line 1 is of 2026-06-15; .*_RETENTION first"):
        call_command("restore_events", str(june), source="shop")


@pytest.mark.parametrize(
    "line",
    [
        b"no JSON",
        b"[]",
        b"{}",
        b'{"identity": ["user"]}',
        b'{"identity": ["user", "u"]}',
        b"[" * 100_000,
    ],
)
def test_what_is_no_archive_of_ours_is_refused(source: Source, line: bytes) -> None:
    with pytest.raises(UnreadableFile, match="Line 1 is not of an archive of ours"):
        list(restore([line], source=source, now=NOW))


def test_a_damaged_archive_and_an_unknown_source_are_told(tmp_path: Path, source: Source) -> None:
    damaged = tmp_path / "events.jsonl.gz"
    damaged.write_bytes(gzip.compress(b"{}" * 1000)[:-10])
    with pytest.raises(CommandError, match=r"0 events were brought back"):
        call_command("restore_events", str(damaged), source="shop")
    with pytest.raises(CommandError, match=r"no source “shpo”. There are: .*shop"):
        call_command("restore_events", str(damaged), source="shpo")


# -- the ledger of messages -----------------------------------------------------------------


def known() -> list[str]:
    return sorted(StoredMessage.objects.values_list("message_id", flat=True))


def test_a_message_is_known_for_longer_than_its_event_is_kept(receive: Any) -> None:
    receive(("m1", "u1", day(6)), ("m2", "u1", day(7, 30)))
    receive(("m3", "u1", AUGUST.start - timedelta(hours=23)), ("m4", "u1", day(8, 1)))
    assert keep_months(now=NOW).forgotten == 2
    assert messages() == ["m4"]
    assert known() == ["m3", "m4"]


def test_history_that_was_imported_lately_is_known(receive: Any, source: Source) -> None:
    receive(("m1", "u1", day(6)))
    StoredMessage.objects.update(stored_at=NOW)
    keep_months(now=NOW)
    assert messages() == []
    assert known() == ["m1"]


def test_every_event_that_is_kept_is_known(receive: Any) -> None:
    receive(*OLD, *KEPT)
    for days in range(0, 150, 10):
        keep_months(now=NOW + timedelta(days=days))
        assert set(messages()) <= set(known())
    assert known() == []


def test_messages_are_forgotten_in_portions(
    source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(expiry, "CHUNK", 3)
    StoredMessage.objects.bulk_create(
        StoredMessage(source=source, message_id=f"m{n}", stored_at=day(6)) for n in range(7)
    )
    assert keep_months(now=NOW).forgotten == 7


# -- on PostgreSQL --------------------------------------------------------------------------


@pytest.mark.postgres
def test_months_are_dropped_as_a_whole(receive: Any) -> None:
    receive(*OLD, *KEPT)
    make_months(first=Month(2026, 1), now=NOW)
    receive(("m7", "u2", day(6, 20)))
    assert Month(2026, 6) in months()
    kept = keep_months(now=NOW)
    assert kept.gone == {Month(2026, 6): 3, Month(2026, 7): 1}
    assert months()[0] == AUGUST
    refresh()
    assert counted() == {"u1": 2, "u2": 0, "u3": 1}
    assert list(audit_profiles(now=NOW)) == []


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_workers_go_on_while_months_come_and_go(receive: Any) -> None:
    """They add to the profiles that lose events, and rebuild them at once."""
    users = [f"u{n}" for n in range(5)]
    receive(*((f"old{m}{user}", user, day(m)) for m in (4, 5, 6, 7) for user in users))
    make_months(first=Month(2026, 6), now=day(7))
    numbers = count()

    def work() -> None:
        number = next(numbers)
        receive((f"new{number}", users[number % 5], day(11, 1) + timedelta(seconds=number)))

    with meanwhile(work, work, lambda: refresh_segments(now=NOW)):
        gone = keep_months(now=NOW).gone
    refresh()
    assert sum(gone.values()) == 20
    kept = Event.objects.count()
    assert kept == len(set(messages()))
    assert sum(counted().values()) == kept
    assert list(audit_profiles(now=NOW)) == []


@pytest.mark.postgres
def test_an_empty_old_month_goes_too() -> None:
    make_months(first=Month(2026, 1), now=day(5))
    assert Month(2026, 5) in months()
    gone = keep_months(now=NOW).gone
    assert gone == {Month(2026, number): 0 for number in (5, 6, 7)}


@pytest.mark.postgres
def test_a_table_without_partitions_loses_rows_instead(
    receive: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (expiry, partitions):
        monkeypatch.setattr(module, "is_partitioned", lambda: False)
    receive(*OLD, *KEPT)
    kept = keep_months(now=NOW)
    assert (kept.made, sum(kept.gone.values())) == ({}, 3)
    assert messages() == ["m4", "m5", "m6"]


# -- the command and the sweep --------------------------------------------------------------


@pytest.fixture
def today(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timezone, "now", lambda: NOW)


@pytest.mark.usefixtures("today")
def test_the_command_says_what_it_did(
    receive: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    receive(*OLD, *KEPT)
    call_command("partition_events", archive=str(tmp_path))
    said = capsys.readouterr().out
    assert "2026-06: gone with 2 events." in said
    assert f"Written: {tmp_path / 'events-2026-06-shop.jsonl.gz'}" in said
    assert "3 old messages forgotten." in said or "2 old messages forgotten." in said
    assert said.endswith("Events are kept from 2026-08-01 on.\n")
    assert ("2026-11: made, 1 events moved in." in said) == is_partitioned()


@pytest.mark.usefixtures("today")
def test_the_archive_of_the_settings_is_used_by_command_and_sweep(
    receive: Any, tmp_path: Path, settings: Any
) -> None:
    settings.PERSONALIZATION_EVENT_ARCHIVE = str(tmp_path)
    receive(*OLD[:2])
    call_command("partition_events")
    receive(OLD[2])
    assert tasks.partition_events_task() == 1
    assert len(list(tmp_path.iterdir())) == 2
    assert messages() == []


@pytest.mark.usefixtures("today")
def test_a_failing_archive_is_told(
    receive: Any, tmp_path: Path, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("not a folder")
    settings.PERSONALIZATION_EVENT_ARCHIVE = str(tmp_path / "file")
    receive(*OLD)
    with pytest.raises(CommandError, match="The archive cannot be written, the events stay"):
        call_command("partition_events")
    before = metrics.snapshot().get("events.archive_failed", 0)
    assert sweep(now=NOW) == 0
    assert metrics.snapshot()["events.archive_failed"] == before + 1
    assert "The archive of events" in caplog.text
    assert len(messages()) == 3


def test_a_database_in_use_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def busy(**options: Any) -> None:
        raise OperationalError("lock timeout")

    monkeypatch.setattr(partition_events, "keep_months", busy)
    with pytest.raises(CommandError, match="in use, try again later: lock timeout"):
        call_command("partition_events")


def test_a_worker_without_celery_sweeps_once_an_hour(monkeypatch: pytest.MonkeyPatch) -> None:
    swept: list[datetime] = []

    def note(*, now: datetime) -> int:
        swept.append(now)
        if len(swept) == 2:
            raise OperationalError("busy")
        return 3

    monkeypatch.setattr(run_worker, "sweep", note)
    worker = run_worker.Worker()
    for minutes in (0, 1, 59):
        assert worker(now=NOW + timedelta(minutes=minutes)) == 0
    assert swept == [NOW]
    with pytest.raises(OperationalError):
        worker(now=NOW + timedelta(minutes=60))
    worker(now=NOW + timedelta(minutes=61))
    assert len(swept) == 2, "the next try is not at once"
    worker(now=NOW + timedelta(minutes=120))
    assert len(swept) == 3


@pytest.mark.postgres
def test_old_messages_are_found_without_reading_all() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT indexdef FROM pg_indexes WHERE indexname = 'pz_stored_message_time'")
        ((definition,),) = cursor.fetchall()
    assert "USING brin (stored_at)" in definition
