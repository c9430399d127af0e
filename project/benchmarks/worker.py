"""Events per second of one worker process, from the buffer to memberships."""

from __future__ import annotations

import random
import statistics
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count

from personalization import bulk
from personalization.events.buffer import Batch, buffer
from personalization.events.models import Event, Source
from personalization.ingest.calls import read_event
from personalization.ingest.identities import Sender
from personalization.ingest.pipeline import process_events
from personalization.segments.models import Segment
from project.benchmarks.pages import RawEvent
from project.benchmarks.results import Effort, Result
from project.shop.seed import seed_segments

#: Events of a request, as a server's library sends them: each of some visitor.
REQUEST = 20
#: Visitors who are on the site at the same time; each stays for so many events.
PRESENT, STAY = 500, 20
NAMES = (
    "Page Viewed", "Page Viewed", "Page Viewed", "Product Viewed", "Product Viewed",
    "Product Viewed", "Product List Viewed", "Products Searched", "Product Added", "Engaged",
    "Scroll Depth Reached", "Order Completed",
)  # fmt: skip
#: Events that one measurement processes.
PORTION = 5_000
START = datetime(2026, 5, 4, 10, tzinfo=UTC)


@dataclass
class Traffic:
    """Visitors who come, do something and go, one event a millisecond."""

    source_id: int
    rng: random.Random
    at: datetime = START

    def __post_init__(self) -> None:
        self._visitors = count()
        self._messages = count()
        self._present = [f"visitor-{next(self._visitors)}" for _ in range(PRESENT)]

    def requests(self, n_events: int) -> Iterator[Batch]:
        for _ in range(max(n_events // REQUEST, 1)):
            sender = Sender(trusted=True, visitor_id=None, received_at=self.at)
            events = [read_event(self._call(), sender=sender).to_json() for _ in range(REQUEST)]
            yield Batch(source_id=self.source_id, events=events, received_at=self.at)

    def _call(self) -> dict[str, object]:
        self.at += timedelta(milliseconds=1)
        place = self.rng.randrange(PRESENT)
        if self.rng.random() < 1 / STAY:
            self._present[place] = f"visitor-{next(self._visitors)}"
        number = next(self._messages)
        product = self.rng.randrange(1000)
        return {
            "type": "track",
            "event": self.rng.choice(NAMES),
            "anonymousId": self._present[place],
            "messageId": f"0f8fad5b-d9cb-469f-a165-{number:012}",
            "timestamp": self.at.isoformat(),
            "properties": {
                "product_id": f"BOOT-{product}", "name": f"Walking boot {product}",
                "category": "boots", "price": 79.9 + product, "quantity": 1, "currency": "EUR",
                "total": 79.9 + product, "seconds": 10,
            },
            "context": {
                "page": {"path": f"/products/boot-{product}/", "title": "Walking boots"},
                "library": {"name": "tracker", "version": "1.0.0"},
                "locale": "en-GB",
            },
        }  # fmt: skip


def worker_results(effort: Effort) -> Iterator[Result]:
    """Measure with few and with many stored events, in portions."""
    source = Source.objects.create(slug="worker", name="Worker", kind=Source.Kind.SERVER)
    seed_segments()
    traffic = Traffic(source.pk, random.Random(1))  # noqa: S311 - the same visitors every time
    few, many = effort.stored // 100, effort.stored
    _fill(traffic, few)
    early = [_measure(traffic) for _ in range(effort.rounds)]
    _fill(traffic, many)
    late = [_measure(traffic) for _ in range(effort.rounds)]
    rate = statistics.median(speed.worker for speed in early)
    late_rate = statistics.median(speed.worker for speed in late)
    copied = statistics.median(speed.copy for speed in early)
    yield Result(
        name="worker_events_per_second",
        value=rate,
        unit="events/s",
        floor=f"raw COPY of the same rows: {copied:.0f} events/s (median)",
        ratio=statistics.median(speed.worker / speed.copy for speed in early),
    )
    yield Result(
        name="worker_growth",
        value=rate / late_rate,
        unit="times",
        floor=f"an event with {few:,} stored, {Segment.objects.count()} rules: "
        f"{1e6 / rate:.0f} µs (median); with {many:,}: {1e6 / late_rate:.0f} µs",
        ratio=rate / late_rate,
    )


@dataclass(frozen=True, kw_only=True)
class Speed:
    """Events per second, of the worker and of COPY with the same events."""

    worker: float
    copy: float


def _fill(traffic: Traffic, stored: int) -> None:
    """Process until so many events are stored: by the same way as the events measured."""
    while (missing := stored - Event.objects.count()) > 0:
        sys.stderr.write(f"{missing:,} events to store before the next measurement\n")
        for _ in range(20):
            if missing > 0:
                _process(traffic.requests(min(missing, PORTION)), now=traffic.at)
                missing -= PORTION


def _measure(traffic: Traffic) -> Speed:
    batches = list(traffic.requests(PORTION))
    return Speed(copy=_copy(batches), worker=_process(batches, now=traffic.at))


def _process(batches: Iterable[Batch], *, now: datetime) -> float:
    """Put the batches into the buffer, process them and return the events per second."""
    n = 0
    for batch in batches:
        buffer().append(batch)
        n += len(batch.events)
    started = time.perf_counter()
    process_events(now=now)
    return n / (time.perf_counter() - started)


def _copy(batches: Iterable[Batch]) -> float:
    """COPY the events into rows without index or constraint; return the events per second."""
    rows = [
        {
            **{name: event[name] for name in ("message_id", "name", "properties", "context")},
            "timestamp": batch.received_at,
        }
        for batch in batches
        for event in batch.events
    ]
    started = time.perf_counter()
    bulk.insert(RawEvent, rows)
    return len(rows) / (time.perf_counter() - started)
