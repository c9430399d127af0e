"""A receiver of webhooks: a real server on this machine that keeps what it was told."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest


@dataclass
class Received:
    """One request as it arrived."""

    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Receiver:
    """Answers with `statuses` in turn, and with the last of them from then on."""

    url: str = ""
    statuses: list[int] = field(default_factory=lambda: [200])
    received: list[Received] = field(default_factory=list)
    #: Called within each request, before it is answered.
    meanwhile: Callable[[], None] = lambda: None

    @property
    def changes(self) -> list[tuple[str, str, int]]:
        """All changes that were told, as (type, segment, profile id)."""
        return [
            (change["type"], change["segment"], change["profileId"])
            for request in self.received
            for change in request.json["changes"]
        ]

    def next_status(self) -> int:
        return self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]


@pytest.fixture
def receiver(settings: Any) -> Iterator[Receiver]:
    settings.PERSONALIZATION_OUTBOUND_NETWORKS = ("127.0.0.1/32",)
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.received.append(Received(dict(self.headers.items()), body))
            receiver.meanwhile()
            self.send_response(receiver.next_status())
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.01))
    thread.start()
    receiver.url = f"http://127.0.0.1:{server.server_address[1]}/hook?for=us"
    yield receiver
    server.shutdown()
    thread.join()
    server.server_close()
