"""An import takes the way of a request, goes on where it was left, and doubles nothing."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from personalization import shortcuts
from personalization.events.archive import call_of
from personalization.events.models import BufferedBatch, Event, Source
from personalization.exceptions import UnreadableFile
from personalization.ingest.imports import chunks
from personalization.ingest.imports.access_log import AccessLog
from personalization.ingest.imports.jsonl import JsonLines
from personalization.ingest.imports.opening import OpenFile, open_file
from personalization.ingest.imports.record import Reader
from personalization.ingest.imports.report import Report
from personalization.ingest.imports.rows import Rows
from personalization.ingest.imports.run import begin, finish, import_file
from personalization.ingest.models import DeadLetter, HeldEvent, ImportRun
from personalization.privacy.consent import record_consent
from personalization.privacy.models import Mechanism
from personalization.profiles.identity import Key
from personalization.profiles.models import Identity, Profile
from personalization.testing import drain, memory_buffer
from tests.ingest.imports.files import json_lines, logged, viewed

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 6, 1, tzinfo=UTC)
JSONL = JsonLines(fields={})


@pytest.fixture
def source(make_source: Callable[..., Source]) -> Source:
    return make_source(slug="shop")


@contextmanager
def _begun(
    path: Path, source: Source, *, reader: Reader = JSONL, again: bool = False
) -> Iterator[tuple[OpenFile, ImportRun]]:
    with open_file(str(path)) as file:
        yield file, begin(file, reader=reader, source=source, again=again)


def _imported(path: Path, source: Source, *, reader: Reader = JSONL, again: bool = False) -> Report:
    """Import the rest of the file, to its end."""
    report = Report()
    with _begun(path, source, reader=reader, again=again) as (file, run):
        for step in import_file(file, reader=reader, run=run, now=NOW):
            report.add(step)
        finish(run, now=NOW)
    return report


def _write(tmp_path: Path, *calls: Any, name: str = "events.jsonl") -> Path:
    path = tmp_path / name
    path.write_text(json_lines(*calls))
    return path


def _numbers() -> list[int]:
    drain(now=NOW)
    return sorted(event.properties["number"] for event in Event.objects.all())


@pytest.fixture
def portions_of_two(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "MOST_EVENTS", 2)


def test_what_stands_in_a_file_is_stored_as_it_was(tmp_path: Path, source: Source) -> None:
    call = viewed(7, messageId="m7", context={"locale": "de", "ip": "203.0.113.7"})
    report = _imported(_write(tmp_path, call), source)
    drain(now=NOW)
    event = Event.objects.get()
    assert (report.accepted, report.rejected, report.left_out) == (1, 0, {})
    assert (event.message_id, event.name, event.properties) == (
        "m7",
        "Product Viewed",
        {"number": 7},
    )
    assert event.context == {"locale": "de"}
    assert event.timestamp == datetime(2026, 5, 4, 10, tzinfo=UTC)
    assert (event.source, event.received_at) == (source, NOW)
    assert (event.identity.namespace, event.identity.value) == ("user", "u1")


@pytest.mark.usefixtures("portions_of_two")
def test_each_portion_is_one_request(tmp_path: Path, source: Source) -> None:
    _imported(_write(tmp_path, *map(viewed, range(5))), source)
    assert list(BufferedBatch.objects.order_by("pk").values_list("n_events", flat=True)) == [
        2,
        2,
        1,
    ]


@pytest.mark.usefixtures("portions_of_two")
def test_a_portion_costs_the_same_wherever_it_stands(tmp_path: Path, source: Source) -> None:
    path = _write(tmp_path, *map(viewed, range(8)))
    costs = []
    with (
        _begun(path, source) as (file, run),
        closing(import_file(file, reader=JSONL, run=run, now=NOW)) as steps,
    ):
        for _ in range(4):
            with CaptureQueriesContext(
                connection,
            ) as captured:
                next(steps)
            costs.append([query["sql"].split()[0] for query in captured])
    assert costs[0] == ["SAVEPOINT", "INSERT", "UPDATE", "RELEASE"]
    assert costs == costs[:1] * 4


def test_the_same_file_twice_is_every_event_once(tmp_path: Path, source: Source) -> None:
    path = _write(tmp_path, viewed(1), viewed(2), viewed(2), viewed(3, messageId="m3"))
    assert _imported(path, source).accepted == 4
    assert _numbers() == [1, 2, 2, 3]
    copy = _write(tmp_path, viewed(1), viewed(2), viewed(2), viewed(3, messageId="m3"), name="c")
    assert _imported(copy, source).accepted == 4
    assert _imported(path, source, again=True).accepted == 4
    assert _numbers() == [1, 2, 2, 3]


def test_what_a_file_and_its_longer_version_share_is_stored_once(
    tmp_path: Path, source: Source
) -> None:
    _imported(_write(tmp_path, viewed(1), viewed(2)), source)
    _imported(_write(tmp_path, viewed(1), viewed(2), viewed(2), viewed(3)), source)
    assert _numbers() == [1, 2, 2, 3]


def test_two_sources_have_events_of_their_own(
    tmp_path: Path, source: Source, make_source: Callable[..., Source]
) -> None:
    path = _write(tmp_path, viewed(1))
    _imported(path, source)
    _imported(path, make_source())
    assert _numbers() == [1, 1]


def test_a_finished_file_is_known_and_nothing_of_it_is_read_again(
    tmp_path: Path, source: Source
) -> None:
    path = _write(tmp_path, viewed(1))
    _imported(path, source)
    with _begun(path, source) as (_, run):
        assert run.finished_at == NOW
        assert (run.name, run.lines, run.accepted) == ("events.jsonl", 1, 1)
    with _begun(path, source, reader=JsonLines(fields={"type": "page"})) as (_, run):
        assert run.finished_at is None


@pytest.mark.usefixtures("portions_of_two")
@pytest.mark.parametrize("steps_before", [0, 1, 2, 3])
def test_an_import_that_was_left_goes_on_there(
    tmp_path: Path, source: Source, steps_before: int
) -> None:
    # The same line on both sides of the break: it happened each time.
    calls = [viewed(1), viewed(2), viewed(1), viewed(1), viewed(2)]
    path = _write(tmp_path, *calls)
    with _begun(path, source) as (file, run):
        steps = import_file(file, reader=JSONL, run=run, now=NOW)
        for _ in range(steps_before):
            next(steps)
        steps.close()
    report = _imported(path, source)
    assert report.accepted == max(len(calls) - 2 * steps_before, 0)
    assert BufferedBatch.objects.count() == 3
    assert _numbers() == [1, 1, 1, 2, 2]
    run = ImportRun.objects.get()
    assert (run.accepted, run.lines, run.position) == (5, 5, path.stat().st_size)


def test_it_goes_on_in_the_middle_of_a_portion_if_portions_have_grown(
    tmp_path: Path, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "events.jsonl"
    lines = "\nnothing\n".join(map(json.dumps, map(viewed, range(7))))
    path.write_text(f"\n{lines}\n\n")
    monkeypatch.setattr(chunks, "MOST_EVENTS", 3)
    with _begun(path, source) as (file, run):
        next(import_file(file, reader=JSONL, run=run, now=NOW))
    monkeypatch.setattr(chunks, "MOST_EVENTS", 5)
    report = _imported(path, source)
    assert (report.accepted, report.rejected, report.left_out) == (4, 4, {"blank": 1})
    assert _numbers() == list(range(7))
    run = ImportRun.objects.get()
    assert (run.lines, run.accepted, run.rejected, run.skipped) == (15, 7, 6, 2)


@pytest.mark.usefixtures("portions_of_two")
def test_a_gzip_goes_on_where_it_was_left(tmp_path: Path, source: Source) -> None:
    path = tmp_path / "events.jsonl.gz"
    path.write_bytes(gzip.compress(json_lines(*map(viewed, range(5))).encode()))
    with _begun(path, source) as (file, run):
        next(import_file(file, reader=JSONL, run=run, now=NOW))
    assert _imported(path, source).accepted == 3
    assert _numbers() == list(range(5))


@pytest.mark.usefixtures("portions_of_two")
def test_rows_go_on_behind_the_header(tmp_path: Path, source: Source) -> None:
    path = tmp_path / "orders.csv"
    rows = "".join(f'2026-05-04,"a\nb",u1,{number}\n' for number in range(5))
    path.write_text(f"timestamp,event,userId,number\n{rows}")
    with _begun(path, source, reader=Rows()) as (file, run):
        next(import_file(file, reader=Rows(), run=run, now=NOW))
        assert run.lines == 5
    assert _imported(path, source, reader=Rows()).accepted == 3
    assert _numbers() == list(range(5))


class Unplugged(Exception):
    pass


def _unplug(self: ImportRun, **options: Any) -> None:
    raise Unplugged


def _unplugged(path: Path, source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    """Import a portion, but for the place it ends at."""
    with _begun(path, source) as (file, run), monkeypatch.context() as patch:
        patch.setattr(ImportRun, "save", _unplug)
        steps = import_file(file, reader=JSONL, run=run, now=NOW)
        with pytest.raises(Unplugged):
            next(steps)
    assert ImportRun.objects.get().position == 0


def test_what_was_taken_stays_with_the_place_it_ends_at_or_goes_with_it(
    tmp_path: Path, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    _unplugged(_write(tmp_path, viewed(1)), source, monkeypatch)
    assert not BufferedBatch.objects.exists()


def test_in_a_buffer_elsewhere_it_stays_and_its_ids_tell_that_it_came_twice(
    tmp_path: Path, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = _write(tmp_path, viewed(1), viewed(1))
    with memory_buffer() as memory:
        _unplugged(path, source, monkeypatch)
        assert memory.depth() == 1
        _imported(path, source)
        assert memory.depth() == 2
        assert _numbers() == [1, 1]


def test_lines_that_are_refused_are_told_by_number_and_the_others_kept(
    tmp_path: Path, source: Source
) -> None:
    path = tmp_path / "events.jsonl"
    bad = ["nothing", viewed(event=""), viewed(userId=...), viewed(timestamp="soon")]
    lines = [bad[0] if call == bad[0] else json.dumps(call) for call in bad]
    path.write_text("\n".join([json.dumps(viewed(1)), *lines, "", json.dumps(viewed(2))]))
    report = _imported(path, source)
    assert [(one.line, one.code) for one in report.shown] == [
        (2, "invalid_json"),
        (3, "missing_event"),
        (4, "missing_ids"),
        (5, "invalid_timestamp"),
    ]
    assert (report.accepted, report.rejected, report.left_out) == (2, 4, {"blank": 1})
    assert "“soon” is not an ISO 8601 date" in report.shown[-1].message
    assert _numbers() == [1, 2]
    run = ImportRun.objects.get()
    assert (run.lines, run.accepted, run.rejected, run.skipped) == (7, 2, 4, 1)


def test_what_can_be_mended_is_set_aside_once(tmp_path: Path, source: Source) -> None:
    path = _write(tmp_path, viewed(1), viewed(2, timestamp="soon"), {"type": "track"})
    for _ in range(2):
        _imported(path, source, again=True)
    letter = DeadLetter.objects.get()
    assert (letter.code, letter.source) == ("invalid_timestamp", source)
    assert json.loads(letter.body)["properties"] == {"number": 2}
    assert letter.message_id == json.loads(letter.body)["messageId"]


@pytest.mark.parametrize(
    ("call", "taken"),
    [
        (viewed(timestamp=...), 0),
        (viewed(timestamp=None), 0),
        (viewed(timestamp=""), 0),
        (viewed(timestamp=..., originalTimestamp="2026-05-04T10:00:00Z"), 1),
        ({"type": "page", "userId": "u1"}, 0),
        ({"type": "screen", "userId": "u1"}, 0),
        ({"type": "identify", "userId": "u1", "traits": {"plan": "pro"}}, 1),
        ({"type": "group", "userId": "u1", "groupId": "g1"}, 1),
        ({"type": "alias", "userId": "u1", "previousId": "a1"}, 1),
    ],
)
def test_what_was_done_needs_its_time_and_what_somebody_is_does_not(
    tmp_path: Path, source: Source, call: Any, taken: int
) -> None:
    report = _imported(_write(tmp_path, call), source)
    assert report.accepted == taken
    if not taken:
        assert "history without a time" in report.shown[0].message
        assert report.shown[0].code == "invalid_timestamp"


def test_nothing_happens_after_the_import(tmp_path: Path, source: Source) -> None:
    _imported(_write(tmp_path, viewed(timestamp="2027-01-01T00:00:00Z")), source)
    drain(now=NOW)
    assert Event.objects.get().timestamp == NOW


def test_what_is_older_than_events_are_kept_is_refused(
    tmp_path: Path, source: Source, settings: Any
) -> None:
    settings.PERSONALIZATION_RETENTION = timedelta(days=10)
    report = _imported(_write(tmp_path, viewed()), source)
    assert [one.code for one in report.shown] == ["too_old"]


@pytest.mark.parametrize("length", [33_000, 300_000])
def test_an_event_that_is_too_long_is_refused(tmp_path: Path, source: Source, length: int) -> None:
    calls = [viewed(1), viewed(properties={"x": "y" * length}), viewed(3)]
    report = _imported(_write(tmp_path, *calls), source)
    assert [(one.line, one.code) for one in report.shown] == [(2, "event_too_large")]
    assert _numbers() == [1, 3]


def test_a_row_is_measured_with_the_names_of_its_columns(tmp_path: Path, source: Source) -> None:
    path = tmp_path / "wide.csv"
    names = [f"{'x' * 100}{number}" for number in range(400)]
    path.write_text(
        f"userId,event,timestamp,{','.join(names)}\nu1,A,2026-05-04,{','.join('1' * 400)}\n"
    )
    report = _imported(path, source, reader=Rows())
    assert [one.code for one in report.shown] == ["event_too_large"]


@pytest.mark.parametrize("depth", [40, 900])
def test_deep_and_poisonous_lines_are_refused_by_themselves(
    tmp_path: Path, source: Source, depth: int
) -> None:
    nested = '{"a":' * depth + "1" + "}" * depth
    deep = json.dumps(viewed(properties="here")).replace('"here"', nested)
    poison = json.dumps(viewed(2, userId="u\u0000"))
    path = tmp_path / "events.jsonl"
    path.write_text("\n".join([json.dumps(viewed(1)), deep, poison, ""]))
    report = _imported(path, source)
    assert [(one.line, one.code) for one in report.shown] == [
        (2, "too_deeply_nested"),
        (3, "poison_value"),
    ]
    assert _numbers() == [1]


@pytest.mark.parametrize("reader", [JSONL, Rows()])
@pytest.mark.parametrize("number", ["9" * 401, "-" + "9" * 401, "9" * 5000])
def test_a_number_beyond_a_double_is_refused_as_at_the_door(
    tmp_path: Path, source: Source, reader: Reader, number: str
) -> None:
    path = tmp_path / "events"
    if reader is JSONL:
        bad = json.dumps(viewed(2)).replace('"number": 2', f'"number": [{number}]')
        path.write_text("\n".join([json.dumps(viewed(1)), bad, json.dumps(viewed(3)), ""]))
    else:
        rows = [f"u1,Seen,2026-05-04T10:00:00Z,{value}\n" for value in (1, f"[{number}]", 3)]
        path.write_text("userId,event,timestamp,number\n" + "".join(rows))
    report = _imported(path, source, reader=reader)
    assert [line.code for line in report.shown] == ["poison_value"]
    assert _numbers() == [1, 3]


def test_of_a_browser_source_only_those_are_taken_who_agreed(
    tmp_path: Path, make_source: Callable[..., Source]
) -> None:
    browser = make_source(kind=Source.Kind.BROWSER)
    record_consent(
        Key(Identity.ANONYMOUS, "a1"),
        granted=["analytics"],
        mechanism=Mechanism.BANNER,
        now=NOW,
    )
    calls = [viewed(n, userId=..., anonymousId=f"a{n}") for n in (1, 2)]
    report = _imported(_write(tmp_path, *calls), browser)
    assert (report.accepted, [one.code for one in report.shown]) == (1, ["no_consent"])
    assert not DeadLetter.objects.exists()
    assert _numbers() == [1]


def test_of_who_refused_nothing_is_stored(tmp_path: Path, source: Source) -> None:
    record_consent(Key(Identity.USER, "u1"), granted=[], mechanism=Mechanism.BANNER, now=NOW)
    _imported(_write(tmp_path, viewed(1), viewed(2, userId="u2")), source)
    assert _numbers() == [2]


def test_what_is_piped_in_is_imported_without_a_trace_of_how_far(source: Source) -> None:
    content = json_lines(viewed(1), viewed(2)).encode()
    for _ in range(2):
        file = OpenFile(name="standard input", stream=io.BytesIO(content))
        run = begin(file, reader=JSONL, source=source, again=False)
        assert [step.accepted for step in import_file(file, reader=JSONL, run=run, now=NOW)] == [2]
        finish(run, now=NOW)
    assert not ImportRun.objects.exists()
    assert _numbers() == [1, 2]


@pytest.mark.usefixtures("portions_of_two")
def test_a_damaged_gzip_is_imported_as_far_as_it_goes(tmp_path: Path, source: Source) -> None:
    path = tmp_path / "events.jsonl.gz"
    path.write_bytes(gzip.compress(json_lines(*map(viewed, range(3))).encode())[:-4])
    with pytest.raises(UnreadableFile, match="damaged after line 3"):
        _imported(path, source)
    assert _numbers() == [0, 1, 2]
    assert ImportRun.objects.get().finished_at is None


def test_views_in_a_log_are_pages_that_were_viewed(tmp_path: Path, source: Source) -> None:
    path = tmp_path / "access.log"
    path.write_text(
        logged("/a", referrer="https://search.example/")
        + logged("/a.css")
        + logged("/b", time="04/May/2026:10:00:05 +0200")
        + logged("/c", agent="curl/8.5.0")
        + "garbage\n"
    )
    report = _imported(path, source, reader=AccessLog(site="https://shop.example"))
    assert (report.accepted, report.rejected) == (2, 1)
    assert report.left_out == {"not a page": 1, "of a bot": 1}
    drain(now=NOW)
    first, second = Event.objects.order_by("timestamp")
    assert (first.type, first.name) == ("page", "Page Viewed")
    assert first.properties == {
        "path": "/a",
        "url": "https://shop.example/a",
        "referrer": "https://search.example/",
    }
    assert first.identity == second.identity
    assert first.identity.namespace == "anonymous"
    assert first.timestamp == datetime(2026, 5, 4, 8, tzinfo=UTC)
    assert not DeadLetter.objects.exists()


def test_who_viewed_a_single_page_may_be_a_program(tmp_path: Path, source: Source) -> None:
    path = tmp_path / "access.log"
    one, two = "203.0.113.1", "203.0.113.2"
    path.write_text(logged("/a", address=one) + logged("/a", address=two))
    _imported(path, source, reader=AccessLog())
    drain(now=NOW)
    assert (Event.objects.count(), Profile.objects.count()) == (0, 0)
    assert HeldEvent.objects.count() == 2
    later = tmp_path / "access.log.1"
    later.write_text(logged("/b", address=two))
    _imported(later, source, reader=AccessLog())
    drain(now=NOW)
    assert sorted(event.properties["path"] for event in Event.objects.all()) == ["/a", "/b"]
    assert (Profile.objects.count(), HeldEvent.objects.count()) == (1, 1)


def test_who_is_known_needs_no_proof(tmp_path: Path, source: Source) -> None:
    path = tmp_path / "access.log"
    path.write_text(logged("/a"))
    _imported(path, source, reader=AccessLog())
    arrival = json.loads(BufferedBatch.objects.get().payload)[0]
    shortcuts.track("Order Completed", anonymous_id=arrival["key"][1])
    drain(now=NOW)
    assert Event.objects.count() == 2


def test_a_run_is_called_by_its_file(tmp_path: Path, source: Source) -> None:
    _imported(_write(tmp_path, viewed(1)), source)
    assert str(ImportRun.objects.get()) == "events.jsonl"


def test_an_archive_of_ours_can_be_read(tmp_path: Path, source: Source) -> None:
    at = "2026-05-04T10:00:00Z"
    shortcuts.track("Product Viewed", anonymous_id="a1", properties={"number": 1}, timestamp=at)
    shortcuts.page(anonymous_id="a1", properties={"path": "/"}, timestamp=at)
    shortcuts.identify(user_id="u1", anonymous_id="a1", traits={"plan": "pro"}, timestamp=at)
    shortcuts.group("acme", user_id="u1", traits={"size": 5}, timestamp=at)
    shortcuts.alias("a2", user_id="u1", timestamp=at)
    drain()
    calls = [call_of(event) for event in Event.objects.select_related("identity")]
    report = _imported(_write(tmp_path, *calls), source)
    assert (report.accepted, report.rejected) == (5, 0)
    drain()
    fields = ("type", "name", "properties", "context", "timestamp", "message_id", "identity")
    first, again = (
        list(Event.objects.filter(source__slug=slug).order_by("message_id").values_list(*fields))
        for slug in ("django", "shop")
    )
    assert first == again
