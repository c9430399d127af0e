"""A small load generator: threads that keep their connections and send as fast as they can."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException


class LoadError(Exception):
    """The server did not answer a request with 200."""


@dataclass(frozen=True, kw_only=True)
class Call:
    """One request, sent again and again."""

    path: str
    body: bytes
    headers: Mapping[str, str]


class Clients:
    """So many clients at once, each with a connection of its own."""

    def __init__(self, *, port: int, n: int) -> None:
        self.connections = [HTTPConnection("127.0.0.1", port, timeout=60) for _ in range(n)]
        self.answered = 0

    def __enter__(self) -> Clients:
        return self

    def __exit__(self, *error: object) -> None:
        for connection in self.connections:
            connection.close()

    def send(self, call: Call, *, seconds: float) -> float:
        """Send `call` for about `seconds`, once at least; return the answers per second."""
        answered: list[int] = []
        failures: list[Exception] = []
        started = time.perf_counter()
        threads = [
            threading.Thread(
                target=_send_until, args=(connection, call, started + seconds, answered, failures)
            )
            for connection in self.connections
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if failures:
            raise LoadError(f"{call.path}: {failures[0]}") from failures[0]
        self.answered += sum(answered)
        return sum(answered) / (time.perf_counter() - started)


def _send_until(
    connection: HTTPConnection,
    call: Call,
    end: float,
    answered: list[int],
    failures: list[Exception],
) -> None:
    n = 0
    try:
        while n == 0 or time.perf_counter() < end:
            connection.request("POST", call.path, call.body, dict(call.headers))
            response = connection.getresponse()
            text = response.read()
            if response.status != 200:
                raise LoadError(f"{response.status} {text[:500]!r}")
            n += 1
    except (OSError, HTTPException, LoadError) as error:
        failures.append(error)
    answered.append(n)


def in_turns(
    clients: Clients, calls: Sequence[Call], *, seconds: float, rounds: int
) -> list[list[float]]:
    """Send the calls in turn; return the requests per second of each, by round.

    Every other round goes backwards, so that none is always first.
    """
    share = seconds / rounds / len(calls)
    rates: list[list[float]] = [[] for _ in calls]
    for round_ in range(rounds):
        places = range(len(calls)) if round_ % 2 == 0 else reversed(range(len(calls)))
        for place in places:
            rates[place].append(clients.send(calls[place], seconds=share))
    return rates
