"""What was sent in anger and what came of it, told at the end of a run."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

from django.test import Client

#: Under which a test hands its figures on, also from another process.
PROPERTY = "hostile"
#: The name of an element and of an attribute that no page of anybody has.
MARK = "pzevil"
_RUNNING = ("javascript:", "data:text/html", "vbscript:")
_LEADING = ("href", "src", "action", "formaction", "xlink:href", "data")


@dataclass
class Tally:
    """Figures of a test: requests sent, answers of 5xx, and what was let out or in."""

    requests: int = 0
    errors: list[str] = field(default_factory=list)
    leaks: list[str] = field(default_factory=list)

    def take(self, request: dict[str, Any], response: Any) -> None:
        """Count an answer, and look into it if it is a page."""
        self.requests += 1
        called = f"{request['REQUEST_METHOD']} {request['PATH_INFO']}"
        if response.status_code >= 500:
            error = getattr(response, "exc_info", None)
            self.errors.append(f"{called}: {response.status_code} {error and error[1]!r:.200}")
        if "html" in response.get("Content-Type", ""):
            self.leaks += [f"{called}: {one}" for one in markup_in(response)]
        self.leaks += [f"{called}: {name} has a line break" for name in broken_headers(response)]

    def __str__(self) -> str:
        return f"{self.requests},{len(self.errors)},{len(self.leaks)}"


class Prober(Client):
    """A client that hides no failure of the server and counts what it sends."""

    def __init__(self, tally: Tally, **options: Any) -> None:
        super().__init__(raise_request_exception=False, **options)
        self.tally = tally

    def request(self, **request: Any) -> Any:
        response = super().request(**request)
        self.tally.take({"REQUEST_METHOD": "GET", **request}, response)
        return response


class _Reader(HTMLParser):
    """Collects what somebody's text became that is no text any more."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == MARK:
            self.found.append("an element was let in")
        for name, value in attrs:
            if name == MARK:
                self.found.append(f"an attribute was let into {tag}")
            if name in _LEADING and (value or "").strip().lower().startswith(_RUNNING):
                self.found.append(f"{name} of {tag} runs what it is given")


def markup_in(response: Any) -> list[str]:
    """Return what in the page was text when it was sent."""
    reader = _Reader()
    reader.feed(body_of(response))
    reader.close()
    return reader.found


def body_of(response: Any) -> str:
    """Return the whole body, also of an answer that is streamed."""
    whole = b"".join(response.streaming_content) if response.streaming else response.content
    return str(whole.decode(errors="replace"))


def broken_headers(response: Any) -> list[str]:
    return [name for name, value in response.headers.items() if "\n" in value or "\r" in value]


def told(reports: Iterable[Any]) -> str:
    """Return the figures of all tests that ran, in a line; empty if none of these did."""
    lines = [value for one in reports for name, value in one.user_properties if name == PROPERTY]
    if not lines:
        return ""
    requests, errors, leaks = (sum(each) for each in zip(*map(_figures, lines), strict=True))
    return f"Hostile requests: {requests}, answers of 5xx: {errors}, leaks: {leaks}"


def _figures(line: str) -> list[int]:
    return [int(figure) for figure in line.split(",")]
