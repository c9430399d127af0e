"""A stub of a site: a few pages and the endpoints that the tracker speaks to, without Django."""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Page

STATIC = Path(__file__).parents[2] / "personalization" / "static" / "personalization"
# What a careful site sends: an inline script, an inline style or eval would show as an error.
POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'"
TRACKER = (
    '<script src="/static/personalization/tracker.js" defer id="personalization-tracker"'
    ' data-endpoint="/p/v1/batch" data-key="KEY" data-consent-cookie="pz_consent"'
    ' data-policy="1" data-manifest="/p/v1/manifest"'
    ' data-more="/static/personalization/tracker-more.js"></script>'
)
CONTENT_TYPES = {".js": "text/javascript", ".css": "text/css"}
JSON = "application/json"

Event = dict[str, Any]


@dataclass(frozen=True)
class Answer:
    """What the batch endpoint says to one request."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Received:
    """One request, in the order of arrival."""

    method: str
    path: str
    body: str
    content_type: str
    at: float

    @property
    def batch(self) -> list[Event]:
        events: list[Event] = json.loads(self.body)["batch"]
        return events


def send_now(page: Page) -> None:
    """Lets the tracker believe that the page goes: it sends what it has without waiting."""
    page.evaluate("dispatchEvent(new PageTransitionEvent('pagehide'))")
    page.wait_for_timeout(200)


def stop_clock(page: Page) -> None:
    """Have no time pass in the page but what the test lets pass: a slow machine adds none."""
    now = datetime.now(tz=UTC)
    page.clock.install(time=now)
    page.clock.pause_at(now + timedelta(seconds=1))


class Server(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """Tabs are closed while they load: that is what the tests are about."""


def html(body: str = "", *, head: str = TRACKER, title: str = "Shoes") -> str:
    return (
        f'<!doctype html><html lang="en"><head><title>{title}</title>{head}</head>'
        f"<body>{body}</body></html>"
    )


class Site:
    """Serves `pages`, records what it is sent, and answers batches as told."""

    def __init__(self) -> None:
        self.pages: dict[str, str] = {}
        self.requests: list[Received] = []
        #: How many of `requests` have got their answer.
        self.answered = 0
        self.answers: deque[Answer] = deque()
        #: What the manifest names, and how much of it is kept.
        self.collect = ["scroll", "engaged"]
        self.sample = 1.0
        self.policy = POLICY
        self.consent_status = 200
        #: What counts without an answer where the visitor is; None: nothing does.
        self.presumed: list[str] | None = None
        #: Seconds that the batch endpoint takes.
        self.delay = 0.0
        #: Until this is set, it answers nobody.
        self.open = threading.Event()
        self.open.set()
        self._server = Server(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        self.open.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def posts(self, path: str = "/p/v1/batch") -> list[Received]:
        return [r for r in list(self.requests) if r.method == "POST" and r.path == path]

    def events(self, name: str | None = None) -> list[Event]:
        """Every event received, as often as it was; `name` also stands for a type."""
        events = [event for post in self.posts() for event in post.batch]
        return [e for e in events if name in (None, e["type"], e.get("event"))]

    def names(self) -> list[str]:
        """The names of all events received, in order; a page view is called `page`.

        Engaged time is left out: how much there is depends on the speed of the machine.
        """
        names = [event.get("event") or event["type"] for event in self.events()]
        return [name for name in names if name != "Engaged"]

    def manifests(self) -> list[Received]:
        return [r for r in list(self.requests) if r.path == "/p/v1/manifest"]

    def all_answered(self) -> bool:
        return self.answered == len(self.requests)

    def wait_for(self, ready: Callable[[], object], *, seconds: float = 60) -> None:
        end = time.monotonic() + seconds
        while not ready():
            assert time.monotonic() < end, f"waited {seconds} s; received: {self.names()}"
            time.sleep(0.02)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        site = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def log_message(self, *args: object) -> None:
                """The log of a test server interests nobody."""

            def do_GET(self) -> None:
                at = time.monotonic()
                site.requests.append(Received("GET", self.path, "", "", at))
                self._answer(*site._get(self.path))

            def do_POST(self) -> None:
                at = time.monotonic()
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                kind = self.headers["Content-Type"]
                site.requests.append(Received("POST", self.path, body, kind, at))
                self._answer(*site._post(self.path, body))

            def _answer(self, status: int, headers: list[tuple[str, str]], body: str) -> None:
                content = body.encode()
                self.send_response(status)
                for name, value in [*headers, ("Content-Length", str(len(content)))]:
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)
                site.answered += 1

        return Handler

    def _get(self, path: str) -> tuple[int, list[tuple[str, str]], str]:
        if path == "/p/v1/manifest":
            manifest = {"version": 1, "collect": self.collect, "sample": self.sample}
            # No cache of the browser's here: what a test says counts with the next question.
            headers = [("Content-Type", JSON), ("Cache-Control", "no-store")]
            return 200, headers, json.dumps(manifest)
        file = STATIC / path.removeprefix("/static/personalization/")
        if file.suffix in CONTENT_TYPES and file.is_file():
            return 200, [("Content-Type", CONTENT_TYPES[file.suffix])], file.read_text()
        page = self.pages.get(path.partition("?")[0])
        kind = CONTENT_TYPES.get(Path(path).suffix, "text/html; charset=utf-8")
        headers = [("Content-Type", kind), ("Content-Security-Policy", self.policy)]
        return (404, headers, "") if page is None else (200, headers, page)

    def _post(self, path: str, body: str) -> tuple[int, list[tuple[str, str]], str]:
        json_type = ("Content-Type", JSON)
        if path == "/p/consent/":
            if self.consent_status != 200:
                return self.consent_status, [json_type], '{"code":"broken","message":"Broken."}'
            purposes = json.loads(body).get("purposes", [])
            return 200, [json_type, *_consent_cookies(purposes)], json.dumps({"purposes": purposes})
        if path == "/p/consent/presume":
            cookies = _consent_cookies(self.presumed) if self.presumed else ()
            return 200, [json_type, *cookies], json.dumps({"purposes": self.presumed})
        time.sleep(self.delay)
        self.open.wait(60)
        answer = self.answers.popleft() if self.answers else Answer(200)
        return answer.status, [json_type, *answer.headers.items()], '{"success":true}'


def _consent_cookies(purposes: list[str]) -> Iterator[tuple[str, str]]:
    yield "Set-Cookie", f"pz_consent=1.{'-'.join(purposes)}; Path=/; SameSite=Lax"
    if purposes:
        yield "Set-Cookie", "pz_id=signed; Path=/; HttpOnly; SameSite=Lax"
