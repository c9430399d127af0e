"""Whoever asks `/v1/decide`: a browser, or a server of the site."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests.conftest import BROWSER
from tests.delivery.people import Person

URL = "/p/v1/decide"
KEY, BROWSER_KEY = "server-key-of-the-tests", "browser-key-of-the-tests"
OWN = "http://testserver"
STRIP = {
    "slot": "strip",
    "candidates": [
        {"key": "template:0:a", "segments": ["a"]},
        {"key": "template:1:b+c", "segments": ["b", "c"]},
    ],
}


class Asker:
    """Asks, and reads the JSON of the answers. What is under `headers` goes with every request."""

    def __init__(self, person: Person | None = None, **headers: str) -> None:
        headers = {"user-agent": BROWSER, **headers}
        self.client = Client(headers={name: said for name, said in headers.items() if said})
        if person is not None:
            self.client.cookies.load(person.cookies)

    def send(self, body: str | bytes, *, status: int = 200, **headers: str) -> Any:
        sent = self.client.post(URL, body, content_type="application/json", headers=headers)
        assert sent.status_code == status, sent.content
        assert sent["Cache-Control"] == "private, no-store"
        assert sent["X-Content-Type-Options"] == "nosniff"
        assert sent["Content-Type"] == "application/json"
        assert "Origin" in sent["Vary"]
        assert not sent.cookies
        return sent.json()

    def ask(self, *slots: Any, status: int = 200, **said: Any) -> Any:
        answer = self.send(json.dumps({"slots": slots, **said}), status=status)
        return answer if status != 200 else answer["decisions"]

    def variations(self, *slots: Any, **said: Any) -> list[str]:
        return [decision["variation"] for decision in self.ask(*slots, **said)]


def browser(person: Person | None = None, **headers: str) -> Asker:
    return Asker(person, origin=OWN, **headers)


def server(**headers: str) -> Asker:
    return Asker(None, **{"user-agent": "python-requests/2.32", **headers})


@contextmanager
def queries(most: int) -> Iterator[None]:
    """Let the body of the statement read so often at most."""
    with CaptureQueriesContext(connection) as captured:
        yield
    read = [q["sql"] for q in captured if "SAVEPOINT" not in q["sql"]]
    assert len(read) <= most, read
