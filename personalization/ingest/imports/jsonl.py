"""JSON Lines: one call of the Segment spec in each line, as archives hold them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from personalization.exceptions import EventRejected
from personalization.ingest.body import loads
from personalization.ingest.imports.lines import Line
from personalization.ingest.imports.record import Record


class JsonLines:
    """`fields` are those that every line has, unless it says otherwise itself."""

    unproved = False

    def __init__(self, *, fields: Mapping[str, str]) -> None:
        self._fields = fields
        self.signature = json.dumps(["jsonl", dict(fields)], sort_keys=True)

    def records(self, lines: Iterable[Line]) -> Iterator[Record]:
        for line in lines:
            yield self._record(line)

    def _record(self, line: Line) -> Record:
        if line.is_blank:
            return Record.of(line, left_out="blank")
        try:
            return Record.of(line, call={**self._fields, **_read_object(line.text())})
        except EventRejected as error:
            return Record.of(line, problem=error)


def _read_object(text: str) -> Mapping[str, Any]:
    try:
        found = loads(text)
    except RecursionError:
        raise EventRejected("The JSON is nested too deeply.", code="invalid_json") from None
    except ValueError as error:
        raise EventRejected(f"The line is not JSON: {error}.", code="invalid_json") from None
    if not isinstance(found, dict):
        raise EventRejected(
            f"Each line is a JSON object, not {type(found).__name__}.", code="invalid_json"
        )
    return found
