"""What stands between a client and the site: it passes on, writes down, and may lose answers."""

from __future__ import annotations

import gzip
import http.client
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

# Of one connection only (RFC 9110, 7.6.1); the rest is passed on as it came.
HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "expect"}


@dataclass(frozen=True, kw_only=True)
class Exchange:
    """A request and what the site answered."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    status: int
    answer_headers: Mapping[str, str]
    answer: bytes

    def json(self) -> Any:
        body = gzip.decompress(self.body) if self.body[:2] == b"\x1f\x8b" else self.body
        return json.loads(body)


class Relay:
    """A proxy as in front of a site, at `url`.

    It answers for `pages` itself: path → content type and body. It passes chunked bodies on as
    they are, or with a length if it is `buffering`.
    The next `losing` answers do not reach the client: the site has done what it was
    asked, and nobody knows. Right before the first request is passed on, it calls `ahead`.
    """

    def __init__(self, target: str) -> None:
        self.target = urlsplit(target).netloc
        self.seen: list[Exchange] = []
        self.pages: dict[str, tuple[str, bytes]] = {}
        self.buffering = False
        self.losing = 0
        self.ahead: Callable[[], None] | None = None
        # One at a time: what was seen is in the order in which it was answered.
        self._turn = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def statuses(self, method: str = "POST") -> list[int]:
        return [exchange.status for exchange in self.seen if exchange.method == method]

    @contextmanager
    def running(self) -> Iterator[Relay]:
        thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join()

    def pass_on(self, request: BaseHTTPRequestHandler) -> Exchange:
        chunked = "chunked" in request.headers.get("Transfer-Encoding", "").lower()
        body = _chunks(request) if chunked else _whole(request)
        headers = {k: v for k, v in request.headers.items() if k.lower() not in HOP_BY_HOP}
        as_it_came = chunked and not self.buffering
        if as_it_came:
            headers["Transfer-Encoding"] = "chunked"
        with self._turn, closing(http.client.HTTPConnection(self.target, timeout=60)) as site:
            ahead, self.ahead = self.ahead, None
            if ahead is not None:
                ahead()
            site.request(
                str(request.command),
                request.path,
                iter([body]) if as_it_came else body,
                headers,
                encode_chunked=as_it_came,
            )
            response = site.getresponse()
            exchange = Exchange(
                method=str(request.command),
                path=request.path,
                headers=dict(request.headers.items()),
                body=body,
                status=response.status,
                answer_headers=dict(response.headers.items()),
                answer=response.read(),
            )
        self.seen.append(exchange)
        return exchange


def _handler(relay: Relay) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            page = relay.pages.get(self.path.partition("?")[0])
            if page is not None:
                self.say(200, {"Content-Type": page[0]}, page[1])
                return
            exchange = relay.pass_on(self)
            if relay.losing:
                relay.losing -= 1
                self.close_connection = True
                return
            self.say(exchange.status, exchange.answer_headers, exchange.answer)

        do_GET = do_POST = do_OPTIONS = answer

        def say(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
            self.send_response_only(status)
            for name, value in headers.items():
                if name.lower() not in HOP_BY_HOP:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: object) -> None:
            """Say nothing: what was seen is in the relay."""

    return Handler


def _whole(request: BaseHTTPRequestHandler) -> bytes:
    return request.rfile.read(int(request.headers.get("Content-Length") or 0))


def _chunks(request: BaseHTTPRequestHandler) -> bytes:
    body = b""
    while size := int(request.rfile.readline().split(b";")[0], 16):
        body += request.rfile.read(size)
        request.rfile.readline()
    while request.rfile.readline().strip():
        pass  # trailers
    return body
