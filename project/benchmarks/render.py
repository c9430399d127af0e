"""What a page with 20 slots costs, against the same page without the app, and against what
the page of a peer costs against the same page without that."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings as django_settings
from django.core.handlers.wsgi import WSGIHandler
from django.test import override_settings

from personalization.conf import settings
from personalization.delivery import exposure_queue
from personalization.ingest.tracked import forget_tracked_source
from personalization.profiles.visitor import signed
from project.benchmarks import pages
from project.benchmarks.content import ADDRESS, HEADERS, SLOTS
from project.benchmarks.database import throwaway_database
from project.benchmarks.render_page import TURNS, Page, Pair, in_turns
from project.benchmarks.render_peer import Peer, PeerUnavailable, measure_peer
from project.benchmarks.results import Effort, Result, benchmarks
from project.benchmarks.seeding import (
    Conditions,
    by_behaviour,
    by_request,
    seed_catalogue,
    seed_visitor,
)

#: How many segments there are, and for how many the headline figures are.
SIZES, USUAL = (0, 10, 50, 200), 50
#: Rounds whose exposures are written together.
ROUNDS = exposure_queue.MANY // (SLOTS * TURNS) - 1
#: Pages that are measured, each for as long: ours, those of the peer and Wagtail's own.
SHARES = len(SIZES) + 2 + 4


@dataclass
class Written:
    """What pages showed, written down after them: how many exposures, in how many seconds."""

    n: int = 0
    seconds: float = 0.0
    rounds: int = 0

    def now_and_then(self) -> None:
        """Flush before so many wait that the thread would, which writes many at once, too."""
        self.rounds += 1
        if self.rounds % ROUNDS == 0:
            self.flush()

    def flush(self) -> None:
        """Write what waits, as a thread of the process does every now and then."""
        started = time.perf_counter()
        self.n += exposure_queue.flush()
        self.seconds += time.perf_counter() - started

    @property
    def ms_per_page(self) -> float:
        return 1000 * self.seconds / (self.n / SLOTS) if self.n else 0.0


@dataclass(frozen=True, kw_only=True)
class Figures:
    """Of one page: what it reads and takes, and the same of the page without the app."""

    reads: int
    reads_without: int
    pair: Pair
    exposures: Written

    @property
    def added_ms(self) -> float:
        # Noise can make nothing of it, which is nothing to divide by.
        return max(1000 * self.pair.added.time, 0.001)

    @property
    def added_cpu_ms(self) -> float:
        return max(1000 * self.pair.added.cpu_time, 0.001)

    @property
    def share(self) -> float:
        """What the app adds to the page, which does not depend on how fast the machine is."""
        return self.added_ms / self.floor_ms

    @property
    def cpu_share(self) -> float:
        return self.added_cpu_ms / (1000 * self.pair.floor.cpu_time)

    @property
    def floor_ms(self) -> float:
        return 1000 * self.pair.floor.time


@benchmarks.register("render")
def measure(effort: Effort) -> Sequence[Result]:
    """Measure for a visitor who is in three of each ten segments, and one without an id."""
    share = Effort(seconds=effort.seconds / SHARES, rounds=effort.rounds)
    with _site():
        known = {n: _measure(n, share) for n in SIZES}
        unknown = _measure(USUAL, share, is_known=False)
        request = _measure(USUAL, share, conditions=by_request)
    return [
        *_headline("known_visitor", known[USUAL]),
        *_headline("unknown_visitor", unknown),
        *_by_size(known),
        *_exposures(known[USUAL]),
        *_by_request(request),
        *_peer_results(share, known=known[USUAL], request=request, wanted=effort.peer),
    ]


def _site() -> override_settings:
    return override_settings(
        DEBUG=False, ALLOWED_HOSTS=["testserver"], ROOT_URLCONF="project.benchmarks.urls"
    )


def _measure(
    segments: int,
    effort: Effort,
    *,
    is_known: bool = True,
    conditions: Conditions = by_behaviour,
) -> Figures:
    """Measure the page with so many segments, in a database of its own."""
    with throwaway_database(), _written_apart() as written:
        seed_catalogue()
        visitor_id = seed_visitor(segments, conditions=conditions)
        headers = {**HEADERS, **(_cookies(visitor_id) if is_known else {})}
        page = Page(_handler(app=True), f"/page/{segments}/{ADDRESS}", headers)
        without = Page(_handler(app=False), f"/page-without/{segments}/{ADDRESS}", headers)
        _make_alike(page, without, name=str(segments))
        reads, reads_without = page.queries(), without.queries()
        pair = in_turns(
            page.cost,
            without.cost,
            seconds=effort.seconds,
            rounds=effort.rounds,
            after=written.now_and_then,
        )
        written.flush()
        return Figures(reads=reads, reads_without=reads_without, pair=pair, exposures=written)


@contextmanager
def _written_apart() -> Iterator[Written]:
    """Keep the thread that writes exposures away from the pages that are timed: they come as
    fast as they can, so that it would always be at it. What it does is timed by itself."""
    forget_tracked_source()  # that of another database
    try:
        with override_settings(PERSONALIZATION_EXPOSURE_DELAY=timedelta(hours=1)):
            yield Written()
    finally:
        exposure_queue.forget()


def _cookies(visitor_id: str) -> Mapping[str, str]:
    visitor = f"{settings.VISITOR_COOKIE}={signed(visitor_id)}"
    consent = f"{settings.CONSENT_COOKIE}={settings.POLICY_VERSION}.personalization"
    return {"cookie": f"{visitor}; {consent}"}


def _handler(*, app: bool) -> WSGIHandler:
    """Return a handler with the middleware of the settings, with or without the app's."""
    middleware = [
        path
        for path in django_settings.MIDDLEWARE
        if app or not path.startswith("personalization.")
    ]
    with override_settings(MIDDLEWARE=middleware):
        return WSGIHandler()


def _make_alike(page: Page, without: Page, *, name: str) -> None:
    """Write what the page shows into the template of the other, and warm both up."""
    html = page.get().decode()
    pages.shown[name] = html.partition("<main>")[2].partition("</main>")[0]
    if without.get().decode() != html or page.get().decode() != html:
        raise RuntimeError("The two pages differ; their times cannot be compared.")


def _headline(visitor: str, figures: Figures) -> Iterator[Result]:
    yield Result(
        name=f"queries_{visitor}",
        value=figures.reads - figures.reads_without,
        unit="reads per page",
        floor=f"the same page without the app: {figures.reads_without} of its own",
        ratio=figures.reads / figures.reads_without,
    )
    suffix = "" if visitor == "known_visitor" else f"_{visitor}"
    for what in ("time", "cpu_time"):
        floor = getattr(figures.pair.floor, what)
        ratio = 1 + getattr(figures.pair.added, what) / floor
        # On a busy machine the clock also counts the waiting, the processor's time does not.
        yield Result(
            name=f"added_{what}{suffix}",
            value=ratio,
            unit="times",
            floor=f"the same page without the app: {1000 * floor:.3f} ms (median)",
            ratio=ratio,
        )


def _by_size(known: Mapping[int, Figures]) -> Iterator[Result]:
    for n, figures in known.items():
        yield from _figures(f"{n}_segments", figures, words="")
    many, few = known[200], known[10]
    for suffix, of_many, of_few in (
        ("", many.share, few.share),
        ("_cpu", many.cpu_share, few.cpu_share),
    ):
        yield Result(
            name=f"growth{suffix}_200_over_10_segments",
            value=of_many / of_few,
            unit="times",
            floor="what the app adds with 10 segments, of which the visitor is in 3; of 200 in 60; "
            f"{of_few:.1%} and {of_many:.1%} of the same page without the app",
            ratio=of_many / of_few,
        )


def _exposures(figures: Figures) -> Iterator[Result]:
    written = figures.exposures
    yield Result(
        name=f"exposures_ms_{USUAL}_segments",
        value=written.ms_per_page,
        unit="ms per page",
        floor="what 20 slots showed, written down after the page by a thread of the process; the "
        f"same page without the app: {figures.floor_ms:.3f} ms (median)",
        ratio=written.ms_per_page / figures.floor_ms,
    )


def _by_request(figures: Figures) -> Iterator[Result]:
    yield from _figures(
        f"{USUAL}_request_rules", figures, words="; rules of the peer's kinds, most ask the request"
    )


def _figures(name: str, figures: Figures, *, words: str) -> Iterator[Result]:
    yield Result(
        name=f"queries_{name}",
        value=figures.reads - figures.reads_without,
        unit="reads per page",
        floor=f"the same page without the app: {figures.reads_without} of its own{words}",
        ratio=figures.reads / figures.reads_without,
    )
    yield Result(
        name=f"added_ms_{name}",
        value=figures.added_ms,
        unit="ms per page",
        floor=f"the same page without the app: {figures.floor_ms:.3f} ms (median); of the "
        f"processor's time {figures.added_cpu_ms:.3f} ms more{words}",
        ratio=1 + figures.share,
    )


def _peer_results(
    effort: Effort, *, known: Figures, request: Figures, wanted: bool
) -> Iterator[Result]:
    if not wanted:
        return
    try:
        peer = measure_peer(seconds=effort.seconds, rounds=effort.rounds)
    except PeerUnavailable as error:
        sys.stderr.write(f"Without the peer, whose package or site is not to be had: {error}\n")
        return
    yield from _costs_of_peer(peer)
    yield from _ratios(peer, known=known, request=request)


def _costs_of_peer(peer: Peer) -> Iterator[Result]:
    for n, cost in peer.costs.items():
        yield Result(
            name=f"peer_queries_{n}_segments",
            value=cost.queries - peer.plain.queries,
            unit="queries a page",
            floor=f"the same page of {peer.wagtail} without {peer.name}: {peer.plain.queries}",
            ratio=cost.queries / peer.plain.queries,
        )
        yield Result(
            name=f"peer_added_ms_{n}_segments",
            value=peer.added_ms(n),
            unit="ms per page",
            floor=f"the same page of {peer.wagtail} without {peer.name}: "
            f"{1000 * peer.plain.time:.3f} ms (median)",
            ratio=cost.time / peer.plain.time,
        )


def _ratios(peer: Peer, *, known: Figures, request: Figures) -> Iterator[Result]:
    """Compare what each adds to the same page of its own framework; see what is the same."""
    for name, figures in ((f"{USUAL}_segments", known), (f"{USUAL}_request_rules", request)):
        yield _ratio(peer, f"peer_time_ratio_{name}", peer.added_ms(USUAL), figures.added_ms)
    added_cpu = peer.added_cpu_ms(USUAL)
    yield _ratio(peer, f"peer_cpu_ratio_{USUAL}_segments", added_cpu, known.added_cpu_ms)
    whole = peer.costs[USUAL].time / known.pair.cost.time
    yield Result(
        name=f"peer_page_ratio_{USUAL}_segments",
        value=whole,
        unit="times",
        floor=f"the whole page with the peer, {1000 * peer.costs[USUAL].time:.3f} ms, over the "
        f"whole page with us: {1000 * known.pair.cost.time:.3f} ms",
        ratio=whole,
    )


def _ratio(peer: Peer, name: str, by_peer: float, by_us: float) -> Result:
    return Result(
        name=name,
        value=by_peer / by_us,
        unit="times",
        floor=f"what {peer.name} adds to a page of {peer.wagtail}, {by_peer:.3f} ms, over what we "
        f"add to one of Django: {by_us:.3f} ms; as many slots, texts, rows and segments",
        ratio=by_peer / by_us,
    )
