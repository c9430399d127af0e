"""What Chromium lets a page of another site do, and what it does not."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from django.utils import timezone
from pytest_django.live_server_helper import LiveServer

from personalization.conf import settings
from personalization.events.models import BufferedBatch, Source
from personalization.privacy.consent import record_consent
from personalization.profiles.identity import Key
from personalization.profiles.models import Identity
from personalization.profiles.visitor import new_visitor_id, signed

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update"]  # fmt: skip
#: Chromium without a window says that it is a program.
PERSON = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"
#: Sends a batch as a page would, and says what the page gets to see.
SEND = """async ([address, key, headers, mode]) => {
  const body = JSON.stringify({writeKey: key, batch: [{type: "track", event: "Product Added", messageId: "m-" + key}]});
  try {
    const answer = await fetch(address + "/p/v1/batch",
      {method: "POST", body, headers, mode, credentials: "include"});
    return [answer.type, answer.status, await answer.text()];
  } catch (error) {
    return [error.name, 0, ""];
  }
}"""
BEACON = """([address, key]) => navigator.sendBeacon(address + "/p/v1/batch",
  JSON.stringify({writeKey: key, batch: [{type: "track", event: "Order Completed", messageId: "b-" + key}]}))"""


class Page(BaseHTTPRequestHandler):
    """The only page of the other site."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>Another site</title>")

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


@contextmanager
def another_site() -> Iterator[str]:
    """Serve on another port, which is another origin with the same cookies."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Page)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield f"http://localhost:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def visitor() -> str:
    """A visitor who has agreed to everything."""
    visitor_id = new_visitor_id()
    key = Key(Identity.ANONYMOUS, visitor_id)
    granted = frozenset({"analytics", "personalization"})
    record_consent(key, granted=granted, mechanism="banner", now=timezone.now())
    return visitor_id


def stored() -> list[dict[str, Any]]:
    return [call for batch in BufferedBatch.objects.all() for call in json.loads(batch.payload)]


def test_a_page_of_another_site_sends_with_a_source_that_lists_it_and_with_no_other(
    chromium: str,
    live_server: LiveServer,
    make_source: Callable[..., Source],
    visitor: str,
) -> None:
    from playwright.sync_api import sync_playwright

    cookie = {"name": settings.VISITOR_COOKIE, "value": signed(visitor), "url": live_server.url}
    seen: dict[str, Any] = {}
    with another_site() as origin:
        make_source(kind="browser", write_key="listed", allowed_origins=origin)
        make_source(kind="browser", write_key="unlisted", allowed_origins="https://shop.example")
        make_source(kind="server", write_key="server")
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
            context = browser.new_context(user_agent=PERSON)
            context.add_cookies([cookie])  # type: ignore[list-item]
            page = context.new_page()
            page.goto(origin)

            def send(key: str, *, headers: dict[str, str], mode: str = "cors") -> Any:
                return page.evaluate(SEND, [live_server.url, key, headers, mode])

            asks_first = {"Content-Type": "application/json", "X-Write-Key": "any"}
            for key in ("listed", "unlisted", "server"):
                seen[f"{key}, asked first"] = send(key, headers=asks_first)
                seen[f"{key}, not asked"] = send(key, headers={}, mode="no-cors")
            seen["strange header"] = send("listed", headers={"X-Strange": "1"})
            for key in ("listed", "unlisted"):
                with page.expect_response("**/p/v1/batch"):
                    page.evaluate(BEACON, [live_server.url, key])
            browser.close()

    kind, status, answer = seen["listed, asked first"]
    assert (kind, status) == ("cors", 200)
    assert json.loads(answer)["accepted"] == 1, answer
    # Let through by the preflight, for another source lists the origin; then refused.
    assert seen["unlisted, asked first"][0] == "cors"
    assert seen["unlisted, asked first"][1] == 403
    # Believed as any server is, but no page of another site reads the answer.
    assert seen["server, asked first"] == ["TypeError", 0, ""]
    assert seen["strange header"] == ["TypeError", 0, ""]
    assert {seen[name][0] for name in seen if name.endswith("not asked")} == {"opaque"}
    assert {(call["message_id"], call["key"][1]) for call in stored()} == {
        ("m-listed", visitor), ("b-listed", visitor),
    }  # fmt: skip
