"""Files as other systems leave them."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from typing import Any

from personalization.ingest.imports.lines import read_lines
from personalization.ingest.imports.record import Reader, Record

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:142.0) Gecko/20100101 Firefox/142.0"


def records(reader: Reader, content: bytes | str) -> Sequence[Record]:
    data = content.encode() if isinstance(content, str) else content
    return list(reader.records(read_lines(io.BytesIO(data))))


def calls(reader: Reader, content: bytes | str) -> Sequence[Any]:
    return [record.call for record in records(reader, content) if record.call is not None]


def problems(reader: Reader, content: bytes | str) -> dict[int, str]:
    """Return line → what is said to be wrong with it."""
    return {
        record.line: str(record.problem) for record in records(reader, content) if record.problem
    }


def viewed(number: int = 1, **fields: Any) -> dict[str, Any]:
    """Return a good call of the user `u1`, with whatever `fields` say instead."""
    call = {
        "type": "track",
        "event": "Product Viewed",
        "userId": "u1",
        "timestamp": "2026-05-04T10:00:00Z",
        "properties": {"number": number},
    }
    return {name: value for name, value in (call | fields).items() if value is not ...}


def json_lines(*calls: Any) -> str:
    return "".join(f"{json.dumps(call)}\n" for call in calls)


def logged(
    target: str = "/shoes",
    *,
    address: str = "203.0.113.7",
    time: str = "04/May/2026:10:00:00 +0200",
    method: str = "GET",
    status: int = 200,
    referrer: str = "-",
    agent: str = FIREFOX,
) -> str:
    """Return a line of an access log in the combined format."""
    return (
        f'{address} - - [{time}] "{method} {target} HTTP/1.1" {status} 5316'
        f' "{referrer}" "{agent}"\n'
    )
