"""What is read from files and written into them: no bomb, no formula, no way out of a folder."""

from __future__ import annotations

import csv
import gzip
import io
import json
import tracemalloc
import zlib
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.utils import timezone

from personalization.events.archive import write_archive
from personalization.events.models import Event, Source
from personalization.events.partitions import Month
from personalization.profiles.models import Identity, Profile, Snapshot
from personalization.segments.manual import add_members
from personalization.segments.models import Segment
from personalization.testing import drain
from tests.hostile.conftest import BROWSER_KEY, SERVER_KEY
from tests.hostile.tally import Prober, body_of
from tests.hostile.test_requests import basic

pytestmark = pytest.mark.django_db

#: What spreadsheets run, in the ways in which it has been written past guards.
FORMULAS = [
    "=1+1", "+1+1", "-1+1", "@SUM(1)", "=cmd|' /C calc'!A0", "\t=1+1", "\r=1+1", "\n=1+1",
    "＝1+1", "＋1", "－1", "＠SUM(1)", '=HYPERLINK("http://evil.example";"x")', "'=1+1", ";=1+1",
    ',"=1+1', '"=1+1"', "x\n=1+1", "x\r\n=1+1,=2+2", "-2+3+cmd|' /C calc'!A0",
]  # fmt: skip
STARTS = tuple("=+-@\t\r\n＝＋－＠")
#: Bytes that a bomb becomes, and bytes of memory that reading it may take.
UNPACKED, MEMORY = 30_000_000, 12_000_000
NAMES = ["../../evil", "..", "/evil/evil", "a/../../evil", "x\x00", 'x"; filename="evil.exe']


def bomb(filling: bytes) -> bytes:
    """Return a gzip of a few kilobytes that becomes `UNPACKED` bytes of the filling."""
    squeeze, portion = zlib.compressobj(9, wbits=31), filling * (1_000_000 // len(filling))
    parts = [squeeze.compress(portion) for _ in range(UNPACKED // len(portion))]
    return b"".join([*parts, squeeze.flush()])


def peak_of(act: Callable[[], object]) -> int:
    """Return how many bytes of memory it takes to act, at most at one time."""
    tracemalloc.start()
    try:
        act()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


# -- members for spreadsheets ------------------------------------------------------------


@pytest.fixture
def members(db: None) -> Segment:
    """A segment of people who are called formulas, by a browser's word and by a server's."""
    segment = Segment.objects.create(slug="vips", name="VIPs", kind=Segment.Kind.MANUAL)
    for text in FORMULAS:
        profile = Profile.objects.create()
        Snapshot.objects.create(profile=profile)
        for namespace in (Identity.USER, Identity.ANONYMOUS, "email"):
            Identity.objects.create(profile=profile, namespace=namespace, value=text)
        add_members(segment, [profile.pk], now=timezone.now())
    return segment


def exported(staff: Prober, segment: Segment) -> str:
    response = staff.get(f"/admin/personalization/segment/{segment.pk}/members/download/")
    assert response.status_code == 200
    return body_of(response)


def test_no_cell_of_exported_members_is_a_formula(staff: Prober, members: Segment) -> None:
    rows = list(csv.reader(io.StringIO(exported(staff, members), newline="")))
    assert len(rows) == 1 + len(FORMULAS)
    assert [cell for row in rows for cell in row if cell.startswith(STARTS)] == []
    assert {len(row) for row in rows} == {len(rows[0])}, "no name made a cell of its own"


# -- bombs -------------------------------------------------------------------------------


@pytest.mark.parametrize("filling", [b" ", b"[", b'{"type":"track"}\n', b"\n"])
def test_a_bomb_in_a_request_is_refused_in_little_memory(
    stranger: Prober, keys: None, filling: bytes
) -> None:
    packed = bomb(filling)
    assert len(packed) < UNPACKED // 100
    for path in ("/p/v1/batch", "/p/v1/track", "/p/capture/"):
        for key in (SERVER_KEY, BROWSER_KEY):
            headers = {"authorization": basic(key), "content-encoding": "gzip"}

            def send(path: str = path, headers: dict[str, str] = headers) -> None:
                kind = "application/json"
                response = stranger.post(path, packed, content_type=kind, headers=headers)
                assert 400 <= response.status_code < 500

            assert peak_of(send) < MEMORY


@pytest.mark.parametrize("form", ["jsonl", "csv", "access-log"])
@pytest.mark.parametrize("filling", [b" ", b"[", b'"'])
def test_a_bomb_in_a_file_to_import_takes_little_memory(
    keys: None, tmp_path: Path, form: str, filling: bytes
) -> None:
    source, path = Source.objects.order_by("pk")[0], tmp_path / "history.gz"
    path.write_bytes(bomb(filling))
    options = {"site": "https://shop.example"} if form == "access-log" else {}

    def read() -> None:
        with suppress(CommandError):
            call_command(
                "import_events", str(path), source=source.slug, format=form,
                stdout=io.StringIO(), stderr=io.StringIO(), **options,
            )  # fmt: skip

    assert peak_of(read) < MEMORY
    drain()
    assert not Event.objects.exists()


@pytest.mark.parametrize("filling", [b" ", b"[", b'"'])
def test_a_bomb_in_an_archive_to_restore_takes_little_memory(
    keys: None, tmp_path: Path, filling: bytes
) -> None:
    source, path = Source.objects.order_by("pk")[0], tmp_path / "events-2026-01-shop.jsonl.gz"
    path.write_bytes(bomb(filling))

    def read() -> None:
        with pytest.raises(CommandError, match="Line 1 is not of an archive of ours"):
            call_command("restore_events", str(path), source=source.slug)

    assert peak_of(read) < MEMORY


@pytest.mark.parametrize("damage", [b"\x00" * 8, b"", b"!" * 400])
def test_an_archive_that_is_damaged_is_told_and_no_traceback(
    keys: None, tmp_path: Path, damage: bytes
) -> None:
    source, path = Source.objects.order_by("pk")[0], tmp_path / "events-2026-01-shop.jsonl.gz"
    path.write_bytes(gzip.compress(b"{}\n" * 10_000)[:-40] + damage)
    with pytest.raises(CommandError, match="events-2026-01-shop"):
        call_command("restore_events", str(path), source=source.slug)


def test_a_receipt_that_never_ends_is_not_read_to_its_end(tmp_path: Path, db: None) -> None:
    path = tmp_path / "receipt.json"
    path.write_bytes(b'{"uid": "' + b"x" * 50_000_000)

    def read() -> None:
        with pytest.raises(CommandError, match="receipt"):
            call_command("verify_receipt", str(path))

    assert peak_of(read) < MEMORY


# -- names of files ----------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_nobody_can_name_a_source_or_a_segment_like_a_path(db: None, name: str) -> None:
    for model in (Source, Segment):
        with pytest.raises(ValidationError):
            model(slug=name, name="x").full_clean()


@pytest.mark.parametrize("name", NAMES)
def test_an_archive_stays_in_its_folder_whatever_a_source_is_called(
    make_profile: Callable[..., Profile],
    make_event: Callable[..., Event],
    tmp_path: Path,
    name: str,
) -> None:
    if "\x00" in name:
        pytest.skip("no database keeps it")
    source = Source.objects.create(slug=name[:50], name="x", kind=Source.Kind.SERVER)
    event = make_event(make_profile(), "x", at=datetime(2026, 1, 5, tzinfo=UTC), source=source)
    folder = tmp_path / "deep" / "archive"
    with suppress(ValueError):  # a name that is none is no file either
        write_archive(Month(2026, 1), folder=folder, last=event.pk)
    everything = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert [path for path in everything if path.parent != folder] == []


@pytest.mark.parametrize("name", [name for name in NAMES if "\x00" not in name])
def test_a_download_suggests_a_name_and_no_path(staff: Prober, db: None, name: str) -> None:
    segment = Segment.objects.create(slug=name[:50], name="x", kind=Segment.Kind.MANUAL)
    response = staff.get(f"/admin/personalization/segment/{segment.pk}/members/download/")
    suggested = response["Content-Disposition"].removeprefix('attachment; filename="')
    assert suggested.count('"') == 1, "it ends where it should"
    assert not {"/", "\\", ";"} & set(suggested)


@pytest.mark.parametrize("uid", ["../../etc/passwd", "..%2f..%2fetc%2fpasswd", "%2e%2e", "x\x00"])
def test_a_receipt_is_asked_for_by_its_number_alone(
    stranger: Prober, staff: Prober, uid: str
) -> None:
    for path in ("/p/privacy/receipt/{}/", "/p/privacy/receipt/{}.json"):
        assert stranger.get(path.format(uid)).status_code == 404
    json_of_none = json.dumps({"uid": uid})
    assert stranger.post("/p/privacy/download/", {"name": json_of_none}).status_code in (403, 404)
