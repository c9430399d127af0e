"""What a page with 20 slots and 50 segments costs, against the same page without the app."""

from __future__ import annotations

import gc
import random
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

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


@dataclass(frozen=True)
class Page:
    """A page as one visitor gets it, through the whole stack of middleware."""

    handler: WSGIHandler
    path: str
    cookie: str

    def get(self) -> bytes:
        return self._timed()[0]

    def seconds(self) -> float:
        return self._timed()[1]

    def queries(self) -> int:
        with CaptureQueriesContext(connection) as captured:
            self.get()
        return len(captured)

    def _timed(self) -> tuple[bytes, float]:
        request = RequestFactory().get(self.path, headers={"cookie": self.cookie})
        started = time.perf_counter()
        response: HttpResponseBase = self.handler.get_response(request)
        seconds = time.perf_counter() - started
        if response.status_code != 200:
            raise RuntimeError(f"{self.path} answered {response.status_code}.")
        return response.getvalue(), seconds


@benchmarks.register("render")
def measure(effort: Effort) -> Sequence[Result]:
    """Compare for a visitor who is in 15 of the segments, and for one without an id."""
    with throwaway_database(), _site():
        seed_catalogue()
        visitor_id = seed_visitor(random.Random(1))  # noqa: S311 - the same page every time
        known = f"{settings.VISITOR_COOKIE}={signed(visitor_id)}"
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
    seconds, seconds_without = _medians(page.seconds, without.seconds, effort)
    ratio, milliseconds = seconds / seconds_without, 1000 * seconds_without
    floor = f"the same page without the app: {milliseconds:.3f} ms (median)"
    suffix = "" if visitor == "known_visitor" else f"_{visitor}"
    yield Result(name=f"added_time{suffix}", value=ratio, unit="times", floor=floor, ratio=ratio)
    yield Result(
        name=f"page_time_{visitor}", value=1000 * seconds, unit="ms", floor=floor, ratio=ratio
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
    first: Callable[[], float], second: Callable[[], float], effort: Effort
) -> tuple[float, float]:
    """Return the medians of both, measured in turns."""
    times: tuple[list[float], list[float]] = ([], [])
    end = time.perf_counter() + effort.seconds
    with _without_garbage_collection():
        while len(times[0]) < effort.rounds or time.perf_counter() < end:
            order = (0, 1) if len(times[0]) % 2 == 0 else (1, 0)
            for place in order:
                times[place].append((first, second)[place]())
    return statistics.median(times[0]), statistics.median(times[1])


@contextmanager
def _without_garbage_collection() -> Iterator[None]:
    """A collection would be charged to whichever page happens to set it off."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
