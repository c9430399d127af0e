"""CSV with a header: a call of the Segment spec in each row, its fields by column."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

from personalization.clock import EPOCH
from personalization.exceptions import EventRejected, UnreadableFile
from personalization.ingest.body import loads
from personalization.ingest.imports.columns import Path, bag_of, paths_of, place
from personalization.ingest.imports.lines import Line
from personalization.ingest.imports.record import Record

DELIMITERS = ",;\t|"

_WHOLE = re.compile(r"-?(?:0|[1-9]\d{0,14})")
_DECIMAL = re.compile(r"-?(?:0|[1-9]\d{0,14})\.\d{1,15}")
_SECONDS = re.compile(r"\d{9,10}(?:\.\d{1,6})?")
_MILLISECONDS = re.compile(r"\d{12,13}")
_MICROSECONDS = re.compile(r"\d{15,16}")


class Rows:
    """`columns` says what columns of other names are meant for, `fields` what every row
    has unless it says otherwise, `zone` where times without an offset were written."""

    unproved = False

    def __init__(
        self,
        *,
        columns: Mapping[str, str] | None = None,
        fields: Mapping[str, str] | None = None,
        zone: tzinfo = UTC,
    ) -> None:
        self._columns, self._fields, self._zone = columns or {}, fields or {}, zone
        how = ["csv", self._columns, self._fields, str(zone)]
        self.signature = json.dumps(how, sort_keys=True)

    def records(self, lines: Iterable[Line]) -> Iterator[Record]:
        feed = _Feed(lines)
        names, delimiter = _header(feed)
        paths = paths_of(names, meant=self._columns)
        rows = csv.reader(feed, delimiter=delimiter)
        while (record := self._next(rows, feed, paths)) is not None:
            yield record

    def _next(self, rows: Iterator[list[str]], feed: _Feed, paths: Sequence[Path]) -> Record | None:
        feed.first = feed.last + 1
        try:
            values = next(rows)
            if not any(values):
                return feed.record(left_out="blank")
            return feed.record(call=self._call(values, paths))
        except StopIteration:
            return None
        except EventRejected as error:
            return feed.record(problem=error)
        except csv.Error as error:  # such as a quote that nothing ends
            message = f"The row cannot be read: {error}."
            return feed.record(problem=EventRejected(message, code="invalid_line"))

    def _call(self, values: Sequence[str], paths: Sequence[Path]) -> Mapping[str, Any]:
        if len(values) != len(paths):
            raise EventRejected(
                f"The row has {len(values)} values; the header names {len(paths)}.",
                code="invalid_line",
            )
        texts = [text.strip() for text in values]
        stated = [(path, text) for path, text in zip(paths, texts, strict=True) if path and text]
        call: dict[str, Any] = {"type": "track", **self._fields}
        call |= {path[0]: text for path, text in stated if len(path) == 1}
        if "timestamp" in call:
            call["timestamp"] = _time(call["timestamp"], zone=self._zone)
        for path, text in stated:
            if keys := path[1:]:
                bag = call.setdefault(bag_of(path, kind=call["type"]), {})
                place(bag, keys, _typed(text))
        return call


class _Feed:
    """Gives lines to a CSV reader and knows how far it has come."""

    def __init__(self, lines: Iterable[Line]) -> None:
        self._lines = iter(lines)
        self.first = 1
        self.last = self.end = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        self.last, self.end = line.number, line.end
        return f"{line.text()}\n"

    def record(self, **fields: Any) -> Record:
        return Record(line=self.first, last=self.last, end=self.end, **fields)


def _header(feed: _Feed) -> tuple[Sequence[str], str]:
    """Return the names of the columns, and what stands between two of them."""
    try:
        text = next((text for text in feed if text.strip()), "")
    except EventRejected as error:
        raise UnreadableFile(f"The header cannot be read: {error}") from None
    rows = {delimiter: next(csv.reader([text], delimiter=delimiter)) for delimiter in DELIMITERS}
    delimiter = max(DELIMITERS, key=lambda delimiter: len(rows[delimiter]))
    names = [name.strip() for name in rows[delimiter]]
    if not names or not all(names):
        raise UnreadableFile(
            f"The first line must name every column; it is “{text.strip()[:100]}”."
        )
    return names, delimiter


def _typed(text: str) -> Any:
    """Return the number, the yes or no, the list or the object that `text` plainly is.

    “007” is none: what begins with a zero is the number of something.
    """
    if _WHOLE.fullmatch(text):
        return int(text)
    if _DECIMAL.fullmatch(text):
        return float(text)
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    if text[0] in "[{":
        try:
            return loads(text)
        except (ValueError, RecursionError):
            return text
    return text


def _time(text: str, *, zone: tzinfo) -> str:
    """Return a time with its offset; what cannot be read is left to be refused by name."""
    try:
        moment = _unix_time(text) or datetime.fromisoformat(text)
    except ValueError:
        return text
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).isoformat()


def _unix_time(text: str) -> datetime | None:
    """Return the instant of seconds, milliseconds or microseconds, told by their length."""
    if _SECONDS.fullmatch(text):
        return EPOCH + timedelta(seconds=float(text))
    if _MILLISECONDS.fullmatch(text):
        return EPOCH + timedelta(milliseconds=int(text))
    if _MICROSECONDS.fullmatch(text):
        return EPOCH + timedelta(microseconds=int(text))
    return None
