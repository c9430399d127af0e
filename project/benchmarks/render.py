"""What a page with 20 slots and 50 segments costs, against the same page without the app."""

from __future__ import annotations

import gc
import random
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

from django.conf import settings as django_settings
from django.core.handlers.wsgi import WSGIHandler
from django.db import connection
from django.http import HttpResponseBase
from django.test import RequestFactory, override_settings
from django.test.utils import CaptureQueriesContext

from personalization.conf import settings
from personalization.profiles.visitor import signed
from project.benchmarks import pages
from project.benchmarks.database import throwaway_database
from project.benchmarks.results import Effort, Result, benchmarks
from project.benchmarks.seeding import seed_catalogue, seed_visitor


class Cost(NamedTuple):
    """Seconds of one page: by the clock, and of this process's work without any waiting."""

    time: float
    cpu_time: float


@dataclass(frozen=True)
class Page:
    """A page as one visitor gets it, through the whole stack of middleware."""

    handler: WSGIHandler
    path: str
    cookie: str

    def get(self) -> bytes:
        return self._timed()[0]

    def cost(self) -> Cost:
        return self._timed()[1]

    def queries(self) -> int:
        with CaptureQueriesContext(connection) as captured:
            self.get()
        return len(captured)

    def _timed(self) -> tuple[bytes, Cost]:
        request = RequestFactory().get(self.path, headers={"cookie": self.cookie})
        started, cpu = time.perf_counter(), time.thread_time()
        response: HttpResponseBase = self.handler.get_response(request)
        cost = Cost(time.perf_counter() - started, time.thread_time() - cpu)
        if response.status_code != 200:
            raise RuntimeError(f"{self.path} answered {response.status_code}.")
        return response.getvalue(), cost


@benchmarks.register("render")
def measure(effort: Effort) -> Sequence[Result]:
    """Compare for a visitor who is in 15 of the segments, and for one without an id."""
    with throwaway_database(), _site():
        seed_catalogue()
        visitor_id = seed_visitor(random.Random(1))  # noqa: S311 - the same page every time
        known = (
            f"{settings.VISITOR_COOKIE}={signed(visitor_id)}; "
            f"{settings.CONSENT_COOKIE}={settings.POLICY_VERSION}.personalization"
        )
        half = Effort(seconds=effort.seconds / 2, rounds=effort.rounds)
        return [*_compare("known_visitor", known, half), *_compare("unknown_visitor", "", half)]


def _site() -> override_settings:
    return override_settings(
        DEBUG=False, ALLOWED_HOSTS=["testserver"], ROOT_URLCONF="project.benchmarks.urls"
    )


def _compare(visitor: str, cookie: str, effort: Effort) -> Iterator[Result]:
    page = Page(_handler(app=True), "/page/", cookie)
    without = Page(_handler(app=False), f"/page-without/{visitor}/", cookie)
    _make_alike(page, without, visitor)
    reads, reads_without = page.queries(), without.queries()
    yield Result(
        name=f"queries_{visitor}",
        value=reads - reads_without,
        unit="reads per page",
        floor=f"the same page without the app: {reads_without} of its own",
        ratio=reads / reads_without,
    )
    suffix = "" if visitor == "known_visitor" else f"_{visitor}"
    costs, floors = _medians(page.cost, without.cost, effort)
    for what in ("time", "cpu_time"):
        seconds, seconds_without = getattr(costs, what), getattr(floors, what)
        # On a busy machine the clock also counts the waiting, the processor's time does not.
        yield Result(
            name=f"added_{what}{suffix}",
            value=seconds / seconds_without,
            unit="times",
            floor=f"the same page without the app: {1000 * seconds_without:.3f} ms (median)",
            ratio=seconds / seconds_without,
        )


def _handler(*, app: bool) -> WSGIHandler:
    """Return a handler with the middleware of the settings, with or without the app's."""
    middleware = [
        path
        for path in django_settings.MIDDLEWARE
        if app or not path.startswith("personalization.")
    ]
    with override_settings(MIDDLEWARE=middleware):
        return WSGIHandler()


def _make_alike(page: Page, without: Page, visitor: str) -> None:
    """Write what the page shows into the template of the other, and warm both up."""
    html = page.get().decode()
    pages.shown[visitor] = html.partition("<main>")[2].partition("</main>")[0]
    if without.get().decode() != html or page.get().decode() != html:
        raise RuntimeError("The two pages differ; their times cannot be compared.")


def _medians(
    first: Callable[[], Cost], second: Callable[[], Cost], effort: Effort
) -> tuple[Cost, Cost]:
    """Return the medians of both, measured in turns."""
    costs: tuple[list[Cost], list[Cost]] = ([], [])
    end = time.perf_counter() + effort.seconds
    with _without_garbage_collection():
        while len(costs[0]) < effort.rounds or time.perf_counter() < end:
            order = (0, 1) if len(costs[0]) % 2 == 0 else (1, 0)
            for place in order:
                costs[place].append((first, second)[place]())
    return _median(costs[0]), _median(costs[1])


def _median(costs: Sequence[Cost]) -> Cost:
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
