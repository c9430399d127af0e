"""A site with deferred slots: what the tags write, beside a stub of what they ask."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from tests.delivery.rendering import render_in

if TYPE_CHECKING:
    from playwright.sync_api import Page

STATIC = Path(__file__).parents[2] / "personalization" / "static" / "personalization"
#: What a careful site sends: an inline script, an inline style or eval would show as an error.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'"
)
LISTS = "/p/v1/recommend"
PATIENCE = "const PATIENCE = 500;"
KINDS = {".js": "text/javascript", ".css": "text/css"}
_ids = count(1)

Json = dict[str, Any]


def decision(variation: str = "", content: str | None = None, **more: Any) -> Json:
    return {
        "variation": variation,
        "content": content,
        "reason": "segment" if variation else "no_match",
        "probability": 1.0,
        "decision_id": f"{next(_ids):032x}",
        **more,
    }


def block(
    slot: str = "hero",
    *,
    default: str = "<p>everybody</p>",
    variants: str = '{% variant "a" %}<p>for a</p>',
    options: str = "deferred reserve=10",
) -> str:
    """Return a block as a template author writes it."""
    tag = f'{{% personalized_block "{slot}" {options} %}}'
    return f"{tag}{default}{variants}{{% endpersonalized_block %}}"


def html(body: str, *, head: str = "", after: str = "") -> str:
    """Return a page of a site: `body` and `head` are templates."""
    return render_in(
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Shoes</title>'
        '<meta name="viewport" content="width=device-width">'
        f'<link rel="stylesheet" href="/site.css">{head}'
        f"{{% personalization_slots %}}</head><body>{body}{after}</body></html>",
        None,
    )


class Site:
    """Serves `pages`, answers each slot as `decisions` says, and keeps what it is asked."""

    def __init__(self) -> None:
        self.pages: dict[str, str] = {
            "/site.css": "body { margin: 0; font: 16px/24px sans-serif; } p { margin: 8px; }"
        }
        #: What is decided for a slot; a function is asked with the question.
        self.decisions: dict[str, Json | Callable[[], Json]] = {}
        self.questions: list[Json] = []
        #: What is listed at a place, and what was asked about lists.
        self.lists: dict[str, Json] = {}
        self.asked_lists: list[dict[str, str]] = []
        self.requested: list[str] = []
        self.status = 200
        #: Milliseconds for which pages wait: more than they really do, for a busy machine.
        self.patience = 10_000
        #: Seconds that an answer takes, and of them those after its first half.
        self.delay = 0.0
        self.stall = 0.0
        #: Answers wait for it, so that a test can be quicker than they are.
        self.open = Event()
        self.open.set()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.handle_error = lambda *args: None  # type: ignore[method-assign] # aborted
        self._thread = Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, question: Json) -> Json:
        found = []
        for asked in question["slots"]:
            decided = self.decisions.get(asked["slot"], {"error": {"code": "unknown_slot"}})
            found.append({"slot": asked["slot"], **(decided() if callable(decided) else decided)})
        return {"decisions": found}

    def _file(self, file: Path) -> str:
        text = file.read_text()
        if file.name != "slots.js":
            return text
        assert text.count(PATIENCE) == 1
        return text.replace(PATIENCE, f"const PATIENCE = {self.patience};")

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        site = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *args: object) -> None:
                """The log of a test server interests nobody."""

            def do_GET(self) -> None:
                path, _, query = self.path.partition("?")
                site.requested.append(path)
                if path == LISTS:
                    asked = dict(parse_qsl(query, keep_blank_values=True))
                    site.asked_lists.append(asked)
                    site.open.wait(60)
                    time.sleep(site.delay)
                    found = json.dumps(site.lists.get(asked["place"], {"html": ""}))
                    return self._say(site.status, "application/json", found)
                file = STATIC / path.removeprefix("/static/personalization/")
                text = site.pages.get(path)
                if text is None and file.suffix in KINDS and file.is_file():
                    text = site._file(file)
                kind = KINDS.get(Path(path).suffix, "text/html; charset=utf-8")
                return self._say(404 if text is None else 200, kind, text or "")

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                question = json.loads(body)
                site.questions.append(question)
                site.open.wait(60)
                time.sleep(site.delay)
                self._say(
                    site.status, "application/json", json.dumps(site.answer(question)), site.stall
                )

            def _say(self, status: int, kind: str, text: str, stall: float = 0.0) -> None:
                content = text.encode()
                self.send_response(status)
                for name, value in (
                    ("Content-Type", kind),
                    ("Content-Length", str(len(content))),
                    ("Content-Security-Policy", POLICY),
                    ("Cache-Control", "no-cache"),
                ):
                    self.send_header(name, value)
                self.end_headers()
                half = len(content) // 2 if stall else len(content)
                self.wfile.write(content[:half])
                self.wfile.flush()
                time.sleep(stall)
                self.wfile.write(content[half:])

        return Handler


def agree(page: Page, site: Site, answer: str = "1.analytics-personalization") -> None:
    page.context.add_cookies([{"name": "pz_consent", "value": answer, "url": site.url}])


def consent(page: Page, site: Site, *purposes: str) -> None:
    """Answer as the banner would, on the page that is open."""
    agree(page, site, f"1.{'-'.join(purposes)}")
    page.evaluate(
        "purposes => void document.dispatchEvent("
        "new CustomEvent('personalization:consent', { detail: { purposes } }))",
        list(purposes),
    )


def events(page: Page, name: str = "") -> list[list[Any]]:
    """Return what was handed to the tracker that is not there yet."""
    found: list[list[Any]] = page.evaluate(
        "() => (window.personalization?.q ?? []).map((call) => [...call])"
    )
    return [call for call in found if not name or call[1] == name]
