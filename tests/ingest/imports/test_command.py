"""`import_events`, as somebody types it."""

from __future__ import annotations

import gzip
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError

from personalization.events.models import BufferedBatch, Event, Source
from personalization.exceptions import BufferUnavailable
from personalization.ingest import pressure
from personalization.ingest.imports import chunks
from personalization.ingest.models import ImportRun
from personalization.management.commands import import_events
from personalization.testing import drain
from tests.ingest.imports.files import json_lines, logged, viewed

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("source")]


@pytest.fixture
def source(make_source: Callable[..., Source]) -> Source:
    return make_source(slug="shop")


@pytest.fixture(autouse=True)
def _exact_gauge(monkeypatch: pytest.MonkeyPatch) -> None:
    """Count what waits at every look."""
    monkeypatch.setattr(pressure, "gauge", pressure.Gauge(fresh=0))


def _run(*arguments: str) -> tuple[str, str]:
    out, err = io.StringIO(), io.StringIO()
    call_command("import_events", *arguments, "--source", "shop", stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def _write(tmp_path: Path, content: str, name: str = "events") -> str:
    path = tmp_path / name
    path.write_text(content)
    return str(path)


def _events() -> list[tuple[str, Any]]:
    drain()
    return [(event.name, event.properties) for event in Event.objects.order_by("timestamp", "pk")]


def test_json_lines_are_imported(tmp_path: Path) -> None:
    path = _write(tmp_path, json_lines(viewed(1), viewed(2, timestamp="2026-05-05T00:00:00Z")))
    out, err = _run(path, "--format", "jsonl")
    said = out.splitlines()
    assert said[0] == "2 events taken, 0 lines refused."
    assert said[1].startswith("events is imported: 0 s, ")
    assert err.splitlines()[0].startswith("100 %, 2 events")
    assert _events() == [("Product Viewed", {"number": 1}), ("Product Viewed", {"number": 2})]


def test_rows_are_imported_as_they_are_meant(tmp_path: Path) -> None:
    path = _write(
        tmp_path, "placed;customer;total;email\n2026-05-04 10:00;17;59.90;a@shop.example\n"
    )
    _run(
        path, "--format", "csv",
        "--map", "placed=timestamp", "--map", "customer=userId", "--map", "email=",
        "--set", "event=Order Completed", "--timezone", "Europe/Vienna",
    )  # fmt: skip
    assert _events() == [("Order Completed", {"total": 59.9})]
    event = Event.objects.get()
    assert event.timestamp.isoformat() == "2026-05-04T08:00:00+00:00"
    assert event.identity.value == "17"


def test_times_without_an_offset_are_utc_unless_somebody_says_where(tmp_path: Path) -> None:
    path = _write(tmp_path, "timestamp,event,userId\n2026-05-04 10:00,A,17\n")
    _run(path, "--format", "csv")
    drain()
    assert Event.objects.get().timestamp.isoformat() == "2026-05-04T10:00:00+00:00"


def test_views_in_an_access_log_are_imported(tmp_path: Path) -> None:
    lines = [logged("/a"), logged("/admin/"), logged("/b.css"), logged("/a")]
    out, _ = _run(
        _write(tmp_path, "".join(lines)), "--format", "access-log",
        "--site", "https://shop.example", "--exclude", "/admin/",
    )  # fmt: skip
    assert out.splitlines()[0] == "2 events taken, 0 lines refused, 2 left out (2 not a page)."
    viewed_page = ("Page Viewed", {"path": "/a", "url": "https://shop.example/a"})
    assert _events() == [viewed_page, viewed_page]


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_file_can_be_piped_in(
    monkeypatch: pytest.MonkeyPatch, pack: Callable[[bytes], bytes]
) -> None:
    content = pack(json_lines(viewed(1)).encode())
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO(content))))
    out, _ = _run("-", "--format", "jsonl", "--set", "event=Seen")
    assert "1 events taken" in out
    assert "standard input is imported" in out
    assert _events() == [("Product Viewed", {"number": 1})]


def test_refused_lines_are_shown_and_all_of_them_counted(tmp_path: Path) -> None:
    good, bad = json_lines(viewed(1)), json_lines(viewed(2, event=""))
    out, _ = _run(_write(tmp_path, good + bad * 30 + good), "--format", "jsonl")
    said = out.splitlines()
    assert said[0] == "2 events taken, 30 lines refused."
    reason = "/event is needed: a text of 1 to 200 characters. (missing_event)"
    assert said[1:21] == [f"Line {number}: {reason}" for number in range(2, 22)]
    assert said[21] == "… and 10 more."


def test_a_file_that_was_imported_says_so_and_does_nothing(tmp_path: Path) -> None:
    path = _write(tmp_path, json_lines(viewed(1), viewed(2, event="")))
    _run(path, "--format", "jsonl")
    BufferedBatch.objects.all().delete()
    out, err = _run(path, "--format", "jsonl")
    assert out.startswith("events was imported at ")
    assert "1 events taken, 1 lines refused. With --again" in out
    assert (err, BufferedBatch.objects.count()) == ("", 0)
    out, _ = _run(path, "--format", "jsonl", "--again")
    assert out.startswith("1 events taken")
    assert BufferedBatch.objects.count() == 1


def _stop_after(monkeypatch: pytest.MonkeyPatch, portions: int, failure: BaseException) -> None:
    """Let `failure` happen when so many portions of one event each were taken."""
    keep, taken = ImportRun.save, []

    def save(self: ImportRun, **options: Any) -> None:
        if self.position:
            taken.append(1)
        if len(taken) > portions:
            raise failure
        keep(self, **options)

    monkeypatch.setattr(ImportRun, "save", save)


@pytest.mark.parametrize(
    ("failure", "said"),
    [
        (KeyboardInterrupt(), "Stopped. What was taken is kept; the same command goes on"),
        (OperationalError("gone"), "The events cannot be kept now: gone. What was taken is kept"),
        (BufferUnavailable("full"), "The events cannot be kept now: full. What was taken is kept"),
    ],
)
def test_an_import_that_is_stopped_goes_on_the_next_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: BaseException, said: str
) -> None:
    monkeypatch.setattr(chunks, "MOST_EVENTS", 1)
    path = _write(tmp_path, json_lines(*map(viewed, range(5))))
    with monkeypatch.context() as patch:
        _stop_after(patch, 2, failure)
        with pytest.raises(CommandError) as caught:
            _run(path, "--format", "jsonl")
        assert str(caught.value).startswith(said)
        assert (caught.value.returncode == 130) == isinstance(failure, KeyboardInterrupt)
    out, err = _run(path, "--format", "jsonl")
    assert err.startswith("Going on behind line 2.\n")
    assert out.startswith("3 events taken")
    assert [properties["number"] for _, properties in _events()] == list(range(5))


def test_a_file_that_ends_in_the_middle_is_told_after_what_was_taken(tmp_path: Path) -> None:
    path = tmp_path / "events.gz"
    path.write_bytes(gzip.compress(json_lines(viewed(1)).encode())[:-4])
    out = io.StringIO()
    with pytest.raises(CommandError, match="The gzip is damaged after line 1"):
        call_command("import_events", str(path), source="shop", format="jsonl", stdout=out)
    assert out.getvalue() == "1 events taken, 0 lines refused.\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--format", "jsonl", "--map", "a=event"), "--map is not for jsonl, only for: csv."),
        (("--format", "csv", "--site", "x"), "--site is not for csv, only for: access-log."),
        (("--format", "access-log", "--set", "event=A"), "--set is not for access-log, only for: jsonl, csv."),
        (("--format", "access-log", "--timezone", "UTC"), "--timezone is not for access-log"),
        (("--format", "csv", "--exclude", "/x"), "--exclude is not for csv"),
        (("--format", "csv", "--set", "total=5"), "--set knows no “total”. Allowed: type, event,"),
        (("--format", "csv", "--map", "event"), "“event” is not of the form NAME=VALUE."),
        (("--format", "csv", "--set", "=A"), "“=A” is not of the form NAME=VALUE."),
        (("--format", "csv", "--timezone", "Vienna"), "“Vienna” is no time zone"),
        (("--format", "csv", "--timezone", "../x"), "“../x” is no time zone"),
        (("--format", "xml"), "invalid choice: 'xml'"),
        (("--format", "csv", "--map", "b=event"), "There is no column “b”. There are: a."),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_said(tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    with pytest.raises(CommandError) as caught:
        _run(_write(tmp_path, "a\n1\n"), *arguments)
    assert said in str(caught.value)
    assert not BufferedBatch.objects.exists()


def test_a_value_may_hold_the_sign_of_equality(tmp_path: Path) -> None:
    path = _write(tmp_path, json_lines(viewed(1, event=...)))
    _run(path, "--format", "jsonl", "--set", "event=a=b")
    assert _events()[0][0] == "a=b"


def test_a_source_that_is_not_there_is_named(tmp_path: Path) -> None:
    path = _write(tmp_path, "")
    with pytest.raises(CommandError, match="There is no source “other”. There are: shop."):
        call_command("import_events", path, source="other", format="jsonl")
    Source.objects.all().delete()
    with pytest.raises(CommandError, match="There are: none."):
        call_command("import_events", path, source="other", format="jsonl")


def test_a_file_that_is_not_there_is_named() -> None:
    with pytest.raises(CommandError, match="“/nowhere” cannot be read"):
        _run("/nowhere", "--format", "csv")


# -- a worker that cannot keep up ---------------------------------------------------------


def test_it_waits_while_too_much_waits_for_the_worker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    settings.PERSONALIZATION_BUFFER_LIMIT = 2
    monkeypatch.setattr(chunks, "MOST_EVENTS", 1)
    depths: list[int] = []

    def worker(seconds: float) -> None:
        depths.append(BufferedBatch.objects.count())
        if len(depths) % 3 == 0:
            drain()

    monkeypatch.setattr(import_events.time, "sleep", worker)
    path = _write(tmp_path, json_lines(*map(viewed, range(5))))
    _, err = _run(path, "--format", "jsonl")
    assert depths == [2] * 6
    assert err.count("Waiting for the worker: 2 requests are before us.") == 2
    assert len(_events()) == 5


def test_it_can_be_the_worker_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    settings.PERSONALIZATION_BUFFER_LIMIT = 2
    monkeypatch.setattr(chunks, "MOST_EVENTS", 1)
    monkeypatch.setattr(import_events.time, "sleep", pytest.fail)
    path = _write(tmp_path, json_lines(*map(viewed, range(5))))
    _run(path, "--format", "jsonl", "--process")
    assert (Event.objects.count(), BufferedBatch.objects.count()) == (5, 0)


def test_as_the_worker_it_does_not_wait_until_the_buffer_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chunks, "MOST_EVENTS", 1)
    monkeypatch.setattr(import_events, "PORTIONS", 2)
    waited: list[int] = []
    process = import_events.process_events

    def count(**options: Any) -> int:
        waited.append(BufferedBatch.objects.count())
        return process(**options)

    monkeypatch.setattr(import_events, "process_events", count)
    path = _write(tmp_path, json_lines(*map(viewed, range(5))))
    _run(path, "--format", "jsonl", "--process")
    assert waited == [2, 2, 1]
    assert Event.objects.count() == 5
