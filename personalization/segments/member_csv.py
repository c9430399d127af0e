"""Members of a segment kept by hand as a CSV file: read line by line, written row by row."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import islice

from django.utils import timezone

from personalization.exceptions import MemberRejected, UnreadableFile
from personalization.profiles.identity import Key
from personalization.profiles.models import Identity
from personalization.segments.manual import add_members_until
from personalization.segments.members import (
    Named,
    identities_of,
    memberships_at,
    profiles_called,
    profiles_of,
)
from personalization.segments.models import Segment

MOST_BYTES = 2 * 1024 * 1024
MOST_LINES = 10_000
#: Lines that are looked up and put in together.
_CHUNK = 500
_LONGEST = 200
#: What spreadsheets take for the beginning of a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")

#: Columns that name somebody, each with the namespace of its identities. `visitor` is any
#: identity or the number of a profile.
VISITOR, PROFILE, UNTIL = "visitor", "profile_id", "until"
_NAMESPACES = {"user_id": Identity.USER, "email": "email", "anonymous_id": Identity.ANONYMOUS}
COLUMNS = (VISITOR, PROFILE, *_NAMESPACES, UNTIL)
WRITTEN = (PROFILE, *_NAMESPACES, "since", UNTIL)


@dataclass(frozen=True, kw_only=True)
class BadLine:
    """A line that cannot be used, and why."""

    number: int
    message: str


@dataclass(frozen=True, kw_only=True)
class Upload:
    """What became of the lines of a file, empty ones aside."""

    taken: int
    bad: Sequence[BadLine]


@dataclass(frozen=True, kw_only=True)
class _Line:
    """A line that names somebody: as anything, or as the identities of its columns."""

    number: int
    visitor: str
    named: Named | None
    until: datetime | None


def read_text(data: bytes) -> str:
    """Return the text of a file; letters that cannot be read are judged line by line.

    :raises UnreadableFile: when it is too large, or no text in UTF-8.
    """
    if len(data) > MOST_BYTES:
        raise UnreadableFile(
            f"The file has {len(data):,} bytes; {MOST_BYTES:,} are allowed. Send it in parts."
        )
    if data.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\x00" in data[:100]:
        raise UnreadableFile("The file is no CSV in UTF-8. Save it as “CSV UTF-8”.")
    return data.decode("utf-8-sig", errors="surrogateescape")


def put_in(segment: Segment, text: str, *, now: datetime) -> Upload:
    """Put in whom the lines of a CSV file name; every bad line is told with its number.

    Lines that were taken are kept whatever becomes of the others, a few at a time.
    """
    bad: list[BadLine] = []
    lines = _lines(text, bad, now=now)
    taken = 0
    while chunk := list(islice(lines, _CHUNK)):
        ends: dict[int, datetime | None] = {}
        for line, profile in zip(chunk, _resolved(chunk), strict=True):
            if isinstance(profile, MemberRejected):
                bad.append(BadLine(number=line.number, message=str(profile)))
            else:
                ends[profile] = line.until
                taken += 1
        add_members_until(segment, ends, now=now)
    return Upload(taken=taken, bad=sorted(bad, key=lambda line: line.number))


def _resolved(lines: Sequence[_Line]) -> Iterator[int | MemberRejected]:
    """Yield for each line who it names, or why it names nobody (four queries at most)."""
    called = profiles_called(line.visitor for line in lines if line.named is None)
    named = iter(profiles_of([line.named for line in lines if line.named is not None]))
    for line in lines:
        yield called[line.visitor] if line.named is None else next(named)


def _lines(text: str, bad: list[BadLine], *, now: datetime) -> Iterator[_Line]:
    """Yield the lines that can be read; the others are added to `bad`."""
    # Not `splitlines`, which counts more ends of lines than editors do.
    physical = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    delimiter = max(",;\t", key=physical[0].count)
    columns: Sequence[str] = (VISITOR, UNTIL)
    seen = 0
    for number, line in enumerate(physical, start=1):
        if not line.strip(f'{delimiter} \t"'):
            continue
        try:
            cells = _cells(line, delimiter)
            if seen == 0 and (header := _header(cells)):
                columns = header
                continue
            seen += 1
            if seen > MOST_LINES:
                raise MemberRejected(
                    f"From here on nothing was read: {MOST_LINES:,} lines are allowed.",
                    code="invalid_line",
                )
            yield _line(number, dict(zip(columns, cells, strict=False)), now=now)
        except MemberRejected as error:
            bad.append(BadLine(number=number, message=str(error)))
            if seen > MOST_LINES:
                return


def _cells(line: str, delimiter: str) -> list[str]:
    """Return the cells of one line by itself: a quote that is never closed spoils no other."""
    try:
        line.encode()
        [cells] = csv.reader([line], delimiter=delimiter, strict=True)
    except UnicodeEncodeError:
        raise MemberRejected("A letter is not UTF-8.", code="invalid_line") from None
    except csv.Error as error:
        raise MemberRejected(
            f"This is no line of a CSV file: {error}.", code="invalid_line"
        ) from None
    if "\x00" in line:
        raise MemberRejected("A character is none that a text can have.", code="invalid_line")
    return [_unguarded(cell.strip()) for cell in cells]


def _header(cells: Sequence[str]) -> Sequence[str]:
    """Return the names of the columns, if that is what the cells are."""
    names = [cell.lower().replace(" ", "_").replace("-", "_") for cell in cells]
    return names if any(name in COLUMNS for name in names) else ()


def _line(number: int, cells: Mapping[str, str], *, now: datetime) -> _Line:
    keys = tuple(
        Key(namespace, value.lower() if namespace == "email" else value)
        for column, namespace in _NAMESPACES.items()
        if (value := cells.get(column, ""))
    )
    visitor = cells.get(VISITOR, "") or cells.get(PROFILE, "")
    if not keys and not visitor:
        raise MemberRejected("It names nobody.", code="invalid_line")
    if too_long := next((cell for cell in cells.values() if len(cell) > _LONGEST), ""):
        raise MemberRejected(
            f"“{too_long[:30]}…” has more than {_LONGEST} characters.", code="invalid_line"
        )
    return _Line(
        number=number,
        visitor=visitor,
        named=Named(keys=keys) if keys else None,
        until=_until(cells.get(UNTIL, ""), now=now),
    )


def _until(text: str, *, now: datetime) -> datetime | None:
    """Return the end that `text` states: a day alone means through its end, on this site."""
    if not text:
        return None
    try:
        if len(text) == len("2026-12-24"):
            until = datetime.combine(date.fromisoformat(text) + timedelta(days=1), time())
        else:
            until = datetime.fromisoformat(text)
        until = until if timezone.is_aware(until) else timezone.make_aware(until)
        is_over = until <= now
    except (ValueError, OverflowError):
        raise MemberRejected(
            f"“{text}” is no day as in 2026-12-24 and no instant as in 2026-12-24T18:00.",
            code="invalid_line",
        ) from None
    if is_over:
        raise MemberRejected(f"“{text}” is over already.", code="invalid_line")
    return until


# -- writing -----------------------------------------------------------------------------


def written_rows(segment: Segment, *, now: datetime) -> Iterator[Sequence[str]]:
    """Yield the names of the columns, then a row for each member of now.

    A few members at a time, so that it takes no memory however many there are.
    """
    yield WRITTEN
    rows = memberships_at(now).filter(segment=segment).order_by("profile")
    last = 0
    while chunk := list(rows.filter(profile__gt=last)[:_CHUNK]):
        identities = identities_of(row.profile_id for row in chunk)
        for row in chunk:
            names = _first_names(identities.get(row.profile_id, []))
            ends = [row.since.isoformat(), row.until.isoformat() if row.until else ""]
            cells = [str(row.profile_id), *map(names.get, _NAMESPACES.values()), *ends]
            yield [guarded(cell or "") for cell in cells]
        last = chunk[-1].profile_id


def _first_names(keys: Iterable[Key]) -> dict[str, str]:
    found: dict[str, str] = {}
    for key in keys:
        found.setdefault(key.namespace, key.value)
    return found


def guarded(cell: str) -> str:
    """Return a cell that no spreadsheet takes for a formula: visitors choose what they are
    called, and a formula runs on the machine of who opens the file."""
    return f"'{cell}" if cell.startswith(_FORMULA) else cell


def _unguarded(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(_FORMULA) else cell
