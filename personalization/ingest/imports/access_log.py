"""Access logs in the combined format, as Apache and nginx write them: views of pages.

    203.0.113.7 - - [10/Oct/2025:13:55:36 +0200] "GET /shoes HTTP/1.1" 200 5316 "-" "Mozilla/5.0"

Source: the Apache HTTP Server documentation, "Combined Log Format"; a virtual host in
front of the line (`vhost_combined`) and further fields behind it are read over.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from django.utils.crypto import salted_hmac

from personalization.exceptions import EventRejected
from personalization.ingest.bots import verdict
from personalization.ingest.imports.lines import Line
from personalization.ingest.imports.record import Record


def _quoted(name: str) -> str:
    return rf'"(?P<{name}>(?:[^"\\]|\\.)*)"'


_LINE = re.compile(
    r"(?:(?P<host>\S+) )?(?P<address>\S+) \S+ \S+ \[(?P<time>[^\]]+)\]"
    rf" {_quoted('request')} (?P<status>\d{{3}}) \S+"
    rf" {_quoted('referrer')} {_quoted('agent')}(?:\s.*)?"
)
_TIME = re.compile(r"(\d{2})/(\w{3})/(\d{4}):(\d{2}):(\d{2}):(\d{2}) ([+-]\d{2})(\d{2})")
# Not by `strptime`, which knows the months by the language of the machine.
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_ESCAPE = re.compile(rb'\\(?:x([0-9a-fA-F]{2})|(["\\]))')
#: Endings of what a browser shows as a page; so is a last part without an ending.
_PAGES = frozenset({"htm", "html", "xhtml", "php", "asp", "aspx", "jsp"})
#: Answers that show a page: the whole of it, or that the one the browser has still is good.
_SHOWN = frozenset({"200", "203", "304"})
_SALT = "personalization.imports.visitor"


class AccessLog:
    """`site` is the address that the paths belong to, such as https://shop.example; paths
    that begin with one of `excluded` are no pages."""

    unproved = True

    def __init__(self, *, site: str = "", excluded: Sequence[str] = ()) -> None:
        self._site, self._excluded = site.rstrip("/"), tuple(filter(None, excluded))
        self.signature = json.dumps(["access-log", self._site, self._excluded])

    def records(self, lines: Iterable[Line]) -> Iterator[Record]:
        for line in lines:
            yield self._record(line)

    def _record(self, line: Line) -> Record:
        if line.is_blank:
            return Record.of(line, left_out="blank")
        try:
            request = _request(line.text())
            if why := self._left_out(request):
                return Record.of(line, left_out=why)
            return Record.of(line, call=self._call(request))
        except EventRejected as error:
            return Record.of(line, problem=error)

    def _left_out(self, request: _Request) -> str:
        if request.method != "GET" or request.status not in _SHOWN:
            return "not a view"
        if not _is_page(request.path) or request.path.startswith(self._excluded):
            return "not a page"
        return "of a bot" if verdict(request.agent, method=request.method) else ""

    def _call(self, request: _Request) -> Mapping[str, Any]:
        page = {
            "path": request.path,
            "url": (self._site or request.host) + request.target,
            "referrer": request.referrer,
        }
        return {
            "type": "page",
            "anonymousId": _visitor(request.address, request.agent),
            "timestamp": request.at.isoformat(),
            "properties": {name: value for name, value in page.items() if value},
        }


@dataclass(frozen=True, kw_only=True)
class _Request:
    """What one line tells."""

    host: str
    address: str
    at: datetime
    method: str
    target: str
    status: str
    referrer: str
    agent: str

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]


def _request(text: str) -> _Request:
    match = _LINE.fullmatch(text)
    at = _time(match["time"]) if match else None
    if match is None or at is None:
        # Without the line itself: it holds an address.
        raise EventRejected("The line is not in the combined log format.", code="invalid_line")
    # What is no HTTP at all is logged as a request too.
    method, target, _ = (*match["request"].split(" ", 2), "", "")[:3]
    return _Request(
        host=f"https://{match['host'].partition(':')[0]}" if match["host"] else "",
        address=match["address"],
        at=at,
        method=method,
        target=_unescaped(target),
        status=match["status"],
        referrer=_stated(match["referrer"]),
        agent=_stated(match["agent"]),
    )


def _visitor(address: str, agent: str) -> str:
    """Return the same id for the same address and browser; it leads back to neither."""
    return salted_hmac(_SALT, f"{address} {agent}", algorithm="sha256").hexdigest()[:32]


def _is_page(path: str) -> bool:
    name = path.rpartition("/")[2]
    ending = name.rpartition(".")[2].lower() if "." in name else ""
    # “/shoes/air-2.0” has no ending: it is called so.
    return path.startswith("/") and (not ending or ending in _PAGES or ending.isdigit())


def _time(text: str) -> datetime | None:
    match = _TIME.fullmatch(text)
    if match is None or match[2] not in _MONTHS:
        return None
    day, year, hour, minute, second = (int(match[place]) for place in (1, 3, 4, 5, 6))
    offset = timedelta(hours=int(match[7]), minutes=int(f"{match[7][0]}{match[8]}"))
    try:
        month = _MONTHS.index(match[2]) + 1
        return datetime(year, month, day, hour, minute, second, tzinfo=timezone(offset))
    except ValueError:  # such as the 31st of February
        return None


def _stated(text: str) -> str:
    return "" if text == "-" else _unescaped(text)


def _unescaped(text: str) -> str:
    """Return what the server wrote as \\", \\\\ and \\xhh."""
    if "\\" not in text:
        return text
    return _ESCAPE.sub(_original, text.encode()).decode(errors="replace")


def _original(escape: re.Match[bytes]) -> bytes:
    return bytes.fromhex(escape[1].decode()) if escape[1] else escape[2]
