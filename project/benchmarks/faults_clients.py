"""Clients that remember what was acknowledged, and send again what was not."""

from __future__ import annotations

import http.client
import json
import random
import threading
import time
from collections.abc import Sequence
from contextlib import closing
from itertools import count
from typing import Any

from project.benchmarks.faults_site import KEY

PEOPLE = 40
LONGEST = 8
NAMES = ("Product Viewed", "Product Viewed", "Product Added", "Order Completed")
#: Seconds to wait before a request is sent again.
PAUSE = 0.05


class Refused(Exception):
    """A request was answered in a way that no good client has earned."""


class Client(threading.Thread):
    """Sends one request after another, each until it is acknowledged, and some again then."""

    def __init__(self, number: int, *, ports: Sequence[int]) -> None:
        super().__init__(daemon=True)
        self.acknowledged: set[str] = set()
        #: How often a request had to be sent again.
        self.repeated = 0
        self.failure: Exception | None = None
        self._closing = threading.Event()
        self._ports = ports
        self._dice = random.Random(number)  # noqa: S311 - the same load each time
        self._messages = (f"{number}-{n}" for n in count())

    def close(self) -> None:
        """Let it deliver the request it has begun, and end."""
        self._closing.set()

    def run(self) -> None:
        try:
            while not self._closing.is_set():
                n = self._dice.randint(1, LONGEST)
                self._deliver([self._event() for _ in range(n)])
        except Refused as error:
            self.failure = error

    def _deliver(self, events: Sequence[dict[str, Any]]) -> None:
        body = json.dumps({"batch": events, "writeKey": KEY})
        times = 2 if self._dice.random() < 0.1 else 1
        while times:
            if self._is_kept(body, n=len(events)):
                self.acknowledged.update(event["messageId"] for event in events)
                times -= 1
            else:
                self.repeated += 1
                time.sleep(PAUSE)

    def _is_kept(self, body: str, *, n: int) -> bool:
        """Return whether the site has acknowledged the request."""
        port = self._dice.choice(self._ports)
        try:
            with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
                connection.request("POST", "/p/v1/batch", body)
                response = connection.getresponse()
                text = response.read()
        except (OSError, http.client.HTTPException):
            return False  # somebody was killed; was it kept? it is sent again
        if response.status == 200 and (accepted := _accepted(text)) in (n, None):
            return accepted is not None
        if response.status in (429, 500, 503):
            return False
        raise Refused(f"{response.status} {text[:500]!r}")

    def has_failed(self) -> bool:
        """Return whether it has ended and nobody asked it to."""
        return self.ident is not None and not (self.is_alive() or self._closing.is_set())

    def _event(self) -> dict[str, Any]:
        person = self._dice.randrange(PEOPLE)
        who = self._dice.choice([{"userId": f"u{person}"}, {"anonymousId": f"a{person}"}])
        if self._dice.random() < 0.05:
            who = {"userId": f"u{person}", "anonymousId": f"a{person}"}
        event = {
            "type": "track",
            "event": self._dice.choice(NAMES),
            "properties": {"product_id": f"p{self._dice.randrange(100)}", "total": 10},
            "messageId": next(self._messages),
        }
        return {**event, **who}


def _accepted(text: bytes) -> int | None:
    """Return how many events an answer says are kept, None when it was cut off."""
    try:
        return int(json.loads(text)["accepted"])
    except json.JSONDecodeError:
        return None
