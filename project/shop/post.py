"""Send events to the public ingest API, as any server with a write key does."""

from __future__ import annotations

import base64
import http.client
import json
import time
from collections.abc import Iterable, Iterator
from types import TracebackType
from urllib.parse import urlsplit

from django.utils import timezone

from project.shop.journey import Json

TRIES = 6


class PostError(Exception):
    """The ingest API did not take the events."""


class Poster:
    """A connection to `/v1/batch` that is kept open from one batch to the next."""

    def __init__(self, url: str, *, write_key: str) -> None:
        parts = urlsplit(url)
        kind = (
            http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        )
        self._connection = kind(parts.netloc, timeout=60)
        self._path = parts.path
        credentials = base64.b64encode(f"{write_key}:".encode()).decode()
        self._headers = {
            "Content-Type": "application/json",
            "Authorization": f"Basic {credentials}",
        }

    def __enter__(self) -> Poster:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._connection.close()

    def send(self, events: list[Json]) -> None:
        """Send one batch; wait and try again while the site asks for it.

        :raises PostError: when the batch, or an event in it, is refused.
        """
        body = json.dumps({"batch": events, "sentAt": timezone.now().isoformat()})
        for attempt in range(1, TRIES + 1):
            try:
                status, answer, pause = self._post(body)
            except (OSError, http.client.HTTPException) as error:
                self._connection.close()
                status, answer, pause = 0, str(error), float(attempt)
            if status == 200:
                if rejected := json.loads(answer).get("rejected"):
                    raise PostError(f"An event was refused: {rejected[0]['message']}")
                return
            if 400 <= status < 500 and status != 429:
                break
            time.sleep(pause)
        raise PostError(
            f"The site did not take the events ({status or 'no answer'}): {answer[:200]}"
        )

    def _post(self, body: str) -> tuple[int, str, float]:
        self._connection.request("POST", self._path, body=body, headers=self._headers)
        response = self._connection.getresponse()
        pause = float(response.headers.get("Retry-After", "1"))
        return response.status, response.read().decode(errors="replace"), pause


def batches(people: Iterable[list[Json]], *, size: int) -> Iterator[list[list[Json]]]:
    """Group whole histories, so that each batch holds about `size` events."""
    waiting: list[list[Json]] = []
    for events in people:
        waiting.append(events)
        if sum(map(len, waiting)) >= size:
            yield waiting
            waiting = []
    if waiting:
        yield waiting
