from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from personalization.events import archive
from personalization.events.archive import call_of, write_archive
from personalization.events.models import Event, Source
from personalization.events.partitions import Month
from personalization.ingest.accept import keep
from personalization.ingest.arrival import Arrival
from personalization.ingest.calls import read_event
from personalization.ingest.identities import Sender
from personalization.profiles.models import Identity, Profile
from personalization.testing import drain

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 20, 12, 30, 15, 123456, tzinfo=UTC)
MONTH = Month(2026, 11)
SENDER = Sender(trusted=True, visitor_id=None, received_at=NOW)

CALLS: list[dict[str, Any]] = [
    {"type": "track", "event": "Größe gewählt ✓", "properties": {"size": 44.5, "a": [None, {}]}},
    {"type": "page", "name": "Start", "category": "docs", "properties": {"path": "/"}},
    {"type": "page", "properties": {"path": "/", "name": "x"}, "context": {"page": {"url": "u"}}},
    {"type": "screen", "name": "Home", "properties": {"tab": 1}},
    {"type": "identify", "traits": {"plan": "pro", "age": 41}},
    {"type": "identify", "traits": {}},
    {"type": "group", "groupId": "g1", "traits": {"size": 12}},
    {"type": "group", "groupId": None},
    {"type": "alias", "previousId": "a9", "userId": "u1"},
    {"type": "track", "event": "E", "userId": None, "anonymousId": "a1"},
    {"type": "track", "event": "E", "anonymousId": "a1", "context": {"locale": "de-AT", "n": 1}},
]


def arrival(call: dict[str, Any], *, number: int = 0) -> Arrival:
    stated = {"userId": "u1", "messageId": f"m{number}", "timestamp": NOW.isoformat(), **call}
    return read_event(stated, sender=SENDER)


def store(arrivals: list[Arrival], source: Source) -> None:
    keep(arrivals, source=source, sender=SENDER)
    drain(now=NOW)


def lines_of(path: Path) -> list[Any]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call["type"])
def test_the_call_of_an_event_becomes_the_same_event(
    call: dict[str, Any], make_source: Callable[..., Source]
) -> None:
    before = arrival(call)
    store([before], make_source())
    written = json.loads(json.dumps(call_of(Event.objects.select_related("identity").get())))
    after = read_event(written, sender=SENDER)
    assert after.occurrence == before.occurrence
    assert after.context == before.context
    assert after.key == before.key
    assert written["identity"] == [before.key.namespace, before.key.value]
    assert written["receivedAt"] == "2026-11-20T12:30:15.123456Z"


def test_what_a_browser_merely_claims_is_not_stated_as_a_user(make_profile: Any) -> None:
    profile: Profile = make_profile()
    claimed = Identity(profile=profile, namespace=Identity.CLAIMED, value="u1")
    call = call_of(Event(identity=claimed, type="track", name="E", timestamp=NOW, received_at=NOW))
    assert "userId" not in call
    assert "anonymousId" not in call
    assert call["identity"] == ["claimed", "u1"]


def test_a_file_for_each_source_has_its_events_in_order(
    tmp_path: Path, make_source: Callable[..., Source]
) -> None:
    shop, till = make_source(slug="shop"), make_source(slug="till")
    make_source(slug="silent")
    store([arrival(call, number=number) for number, call in enumerate(CALLS)], shop)
    store([arrival(CALLS[0], number=3)], till)
    last = Event.objects.latest("pk").pk
    written = write_archive(MONTH, folder=tmp_path / "deep" / "er", last=last)
    names = ["events-2026-11-shop.jsonl.gz", "events-2026-11-till.jsonl.gz"]
    assert [file.name for file in written.files] == names
    assert sorted(path.name for path in (tmp_path / "deep" / "er").iterdir()) == names
    assert (written.n, written.last) == (len(CALLS) + 1, last)
    found = [line["messageId"] for line in lines_of(written.files[0])]
    stored = Event.objects.filter(source=shop).order_by("pk")
    assert found == list(stored.values_list("message_id", flat=True))


def test_only_the_month_is_written_and_only_up_to_the_number_asked_for(
    tmp_path: Path, make_profile: Any, make_event: Any
) -> None:
    profile, tick = make_profile(), timedelta(microseconds=1)
    moments = [MONTH.start - tick, MONTH.start, MONTH.end - tick, MONTH.end, NOW]
    events = [make_event(profile, "E", at=at) for at in moments]
    written = write_archive(MONTH, folder=tmp_path, last=events[3].pk)
    (file,) = written.files
    assert [line["messageId"] for line in lines_of(file)] == [
        events[1].message_id,
        events[2].message_id,
    ]
    assert written.n == 2


def test_more_events_than_one_portion_are_written_once_each(
    tmp_path: Path, make_profile: Any, make_event: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "CHUNK", 3)
    profile = make_profile()
    events = [make_event(profile, "E", at=NOW) for _ in range(10)]
    (file,) = write_archive(MONTH, folder=tmp_path, last=events[-1].pk).files
    assert [line["messageId"] for line in lines_of(file)] == [e.message_id for e in events]


def test_a_month_without_events_leaves_no_file(tmp_path: Path, make_source: Any) -> None:
    make_source()
    assert write_archive(MONTH, folder=tmp_path, last=10).files == []
    assert list(tmp_path.iterdir()) == []


def test_no_file_is_ever_overwritten(tmp_path: Path, make_profile: Any, make_event: Any) -> None:
    event = make_event(make_profile(), "E", at=NOW)
    slug = event.source.slug
    names = []
    for _ in range(3):
        (file,) = write_archive(MONTH, folder=tmp_path, last=event.pk).files
        names.append(file.name)
    stem = f"events-2026-11-{slug}"
    assert names == [f"{stem}.jsonl.gz", f"{stem}-2.jsonl.gz", f"{stem}-3.jsonl.gz"]
    assert all(len(lines_of(tmp_path / name)) == 1 for name in names)


def test_what_could_not_be_finished_leaves_no_file(
    tmp_path: Path, make_profile: Any, make_event: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = make_event(make_profile(), "E", at=NOW)

    def full(number: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(archive.os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_archive(MONTH, folder=tmp_path, last=event.pk)
    assert list(tmp_path.iterdir()) == []


def test_where_folders_cannot_be_synced_files_are(
    tmp_path: Path, make_profile: Any, make_event: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = make_event(make_profile(), "E", at=NOW)
    monkeypatch.setattr(archive, "_POSIX", False)
    assert write_archive(MONTH, folder=tmp_path, last=event.pk).n == 1


def test_what_an_event_joined_is_stated_with_it(
    tmp_path: Path, make_source: Callable[..., Source]
) -> None:
    both = {"type": "track", "event": "E", "userId": "u1", "anonymousId": "a1"}
    store([arrival({**both}, number=1), arrival(CALLS[0], number=2)], make_source())
    (file,) = write_archive(MONTH, folder=tmp_path, last=Event.objects.latest("pk").pk).files
    lines = {line["messageId"]: line for line in lines_of(file)}
    assert (lines["m1"]["userId"], lines["m1"]["anonymousId"]) == ("u1", "a1")
    assert "anonymousId" not in lines["m2"]
