"""A page through the whole stack of middleware: its HTML, its time and its reads.

Nothing but Django is imported here: the peer's environment has no more.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

from django.core.handlers.wsgi import WSGIHandler
from django.db import connection
from django.http import HttpResponseBase
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext

#: How often each page is asked for in a round, of which the fastest counts.
TURNS = 4


class Cost(NamedTuple):
    """Seconds of one page: by the clock, and of this process's work without any waiting."""

    time: float
    cpu_time: float


@dataclass(frozen=True)
class Page:
    """A page as one visitor gets it."""

    handler: WSGIHandler
    path: str
    headers: Mapping[str, str]

    def get(self) -> bytes:
        return self._timed()[0]

    def cost(self) -> Cost:
        return self._timed()[1]

    def queries(self) -> int:
        with CaptureQueriesContext(connection) as captured:
            self.get()
        return len(captured)

    def _timed(self) -> tuple[bytes, Cost]:
        request = RequestFactory().get(self.path, headers=dict(self.headers))
        started, cpu = time.perf_counter(), time.thread_time()
        response: HttpResponseBase = self.handler.get_response(request)
        cost = Cost(time.perf_counter() - started, time.thread_time() - cpu)
        if response.status_code != 200:
            raise RuntimeError(f"{self.path} answered {response.status_code}.")
        return response.getvalue(), cost


@dataclass(frozen=True)
class Pair:
    """What a page cost with something and without it, round by round."""

    costs: Sequence[Cost]
    floors: Sequence[Cost]

    @property
    def cost(self) -> Cost:
        return median(self.costs)

    @property
    def floor(self) -> Cost:
        return median(self.floors)

    @property
    def added(self) -> Cost:
        """The median of the differences, so that a machine that slows down matters less."""
        pairs = zip(self.costs, self.floors, strict=True)
        return median([Cost(*(a - b for a, b in zip(*pair, strict=True))) for pair in pairs])


def in_turns(
    first: Callable[[], Cost],
    second: Callable[[], Cost],
    *,
    seconds: float,
    rounds: int,
    after: Callable[[], object] = lambda: None,
) -> Pair:
    """Measure both for `seconds`, `rounds` rounds at least; each goes first as often.

    `after` each round comes what is not to be a part of it.
    """
    found: list[Sequence[Cost]] = []
    end = time.perf_counter() + seconds
    with _without_garbage_collection():
        while len(found) < rounds or time.perf_counter() < end:
            found.append(_round((first, second)))
            after()
    costs, floors = zip(*found, strict=True)
    return Pair(costs, floors)


def again_and_again(page: Callable[[], Cost], *, seconds: float, rounds: int) -> Cost:
    """Return what a page costs that has nothing beside it to take turns with."""
    found: list[Cost] = []
    end = time.perf_counter() + seconds
    with _without_garbage_collection():
        while len(found) < rounds or time.perf_counter() < end:
            found.extend(_round((page,)))
    return median(found)


def _round(pages: Sequence[Callable[[], Cost]]) -> Sequence[Cost]:
    """Return the fastest of some turns of each: what slowed the others is another process."""
    costs: list[list[Cost]] = [[] for _ in pages]
    for turn in range(TURNS):
        places = range(len(pages))
        for place in places if turn % 2 == 0 else reversed(places):
            costs[place].append(pages[place]())
    return [Cost(*map(min, zip(*turns, strict=True))) for turns in costs]


def median(costs: Sequence[Cost]) -> Cost:
    return Cost(*(statistics.median(values) for values in zip(*costs, strict=True)))


@contextmanager
def _without_garbage_collection() -> Iterator[None]:
    """A collection would be charged to whichever page happens to set it off."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
