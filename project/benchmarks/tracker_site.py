"""One page with one tracker or another, and the addresses that they send to."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from project.benchmarks.tracker_peers import PLAUSIBLE_START, Tracker

STATIC = Path(__file__).resolve().parents[2] / "personalization/static/personalization"
CLICK, VIEW = "click", "view"
#: The path of a page with much to watch.
LONG = "long"

_PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Shoe {n}</title>
{tags}</head><body><h1>Shoe {n}</h1><p>A page of a shop.</p>
{more}<button id="buy" data-umami-event="Buy" data-umami-event-n="{n}"
 data-personalization-event="Buy" data-personalization-properties='{{"n": {n}}}'>Buy</button>
</body></html>"""
_CARDS = "".join(
    f'<section data-personalization-section="{n}" data-personalization-hover="{n}">'
    f"<h2>Product {n}</h2><form><input name='size'></form></section>"
    for n in range(2_000)
)
_JAVASCRIPT, _JSON, _HTML = "text/javascript", "application/json", "text/html; charset=utf-8"


def ours() -> Tracker:
    return Tracker(
        name="ours",
        version="personalization",
        script=(STATIC / "tracker.js").read_text(),
        tags='<script id="personalization-tracker" src="/script/ours.js" defer'
        ' data-endpoint="/p/v1/batch" data-manifest="/p/v1/manifest" data-key="KEY"'
        ' data-consent-cookie="pz_consent" data-policy="1" data-more="/script/more.js"></script>',
        post="/p/v1/batch",
    )


class Site(ThreadingHTTPServer):
    """Serves `/NAME/N`, the N-th page with the tracker NAME, and counts what arrives of it."""

    def __init__(self, trackers: list[Tracker]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.trackers: Mapping[str, Tracker] = {one.name: one for one in trackers}
        #: (tracker, what, number of the page) → how often it arrived.
        self.arrived: Counter[tuple[str, str, int]] = Counter()
        #: Whether each event is answered with 503 the first time it comes.
        self.busy = False
        #: What the manifest names.
        self.collect: list[str] = []
        self._refused: set[tuple[str, str, int]] = set()
        self.last_at = time.monotonic()
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def close(self) -> None:
        self.shutdown()
        self.server_close()

    def handle_error(self, request: object, client_address: object) -> None:
        """Tabs are closed while they load: that is what is measured."""

    def wait(self, name: str, *, tabs: int, quiet: float = 10.0, most: float = 40.0) -> None:
        """Wait until all has arrived, or nothing more has for `quiet` seconds."""
        started = self.last_at = time.monotonic()
        while len(self.of(name, VIEW)) + len(self.of(name, CLICK)) < 2 * tabs:
            now = time.monotonic()
            if now - self.last_at > quiet or now - started > most:
                return
            time.sleep(0.05)

    def of(self, name: str, what: str) -> set[int]:
        """Return of which pages it arrived, at least once."""
        return {n for (tracker, kind, n) in list(self.arrived) if (tracker, kind) == (name, what)}

    def repeated(self, name: str) -> int:
        """Return how many arrived more than once."""
        return sum(times > 1 for (tracker, *_), times in self.arrived.items() if tracker == name)

    def page(self, path: str) -> tuple[str, str] | None:
        """Return the content type and what lies at `path`."""
        _, first, name = [*path.split("/"), "", ""][:3]
        if path == "/p/v1/manifest":
            return _JSON, json.dumps({"version": 1, "collect": self.collect, "sample": 1.0})
        if first == "start":
            return _JAVASCRIPT, PLAUSIBLE_START
        if first == "script" and (tracker := self.trackers.get(name.removesuffix(".js"))):
            return _JAVASCRIPT, tracker.script
        if first in self.trackers:
            return _HTML, _PAGE.format(n=name, tags=self.trackers[first].tags, more="")
        if first == LONG:
            return _HTML, _PAGE.format(n=0, tags=self.trackers["ours"].tags, more=_CARDS)
        if path == "/script/more.js":
            return _JAVASCRIPT, (STATIC / "tracker-more.js").read_text()
        return (_HTML, "<!doctype html><title>Opener</title>") if path == "/" else None

    def take(self, path: str, body: str) -> bool:
        """Count what a request brings, and return whether it was taken."""
        self.last_at = time.monotonic()
        sender = next(t for t in self.trackers.values() if path.replace("//", "/") == t.post)
        events = {(sender.name, what, n) for what, n in _READERS[sender.name](json.loads(body))}
        if self.busy and not events <= self._refused:
            self._refused |= events
            return False
        self.arrived.update(events)
        return True

    def forget(self) -> None:
        self.arrived.clear()
        self._refused.clear()


def _of_ours(body: Any) -> Iterator[tuple[str, int]]:
    for event in body["batch"]:
        if event["type"] == "page":
            yield VIEW, _number(event["properties"]["url"])
        elif event.get("event") == "Buy":
            yield CLICK, int(event["properties"]["n"])


def _of_plausible(body: Any) -> Iterator[tuple[str, int]]:
    if body["n"] == "pageview":
        yield VIEW, _number(body["u"])
    elif body["n"] == "Buy":
        yield CLICK, int(body["p"]["n"])


def _of_umami(body: Any) -> Iterator[tuple[str, int]]:
    payload = body["payload"]
    if payload.get("name") == "Buy":
        yield CLICK, int(payload["data"]["n"])
    elif "name" not in payload:
        yield VIEW, _number(payload["url"])


def _number(url: str) -> int:
    return int(url.rsplit("/", 1)[-1])


_READERS = {"ours": _of_ours, "plausible": _of_plausible, "umami": _of_umami}


class _Handler(BaseHTTPRequestHandler):
    server: Site
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, format: str, *arguments: object) -> None:
        return

    def do_GET(self) -> None:
        found = self.server.page(self.path)
        self._answer(200 if found else 404, *(found or (_HTML, "")))

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        taken = self.server.take(self.path, body)
        self._answer(200 if taken else 503, _JSON, "{}")

    def _answer(self, status: int, kind: str, body: str) -> None:
        content = body.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
