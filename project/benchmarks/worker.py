"""Events per second of one worker process, from the buffer to memberships."""

from __future__ import annotations

import random
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count

from personalization.events.buffer import Batch, buffer
from personalization.events.models import Event, Source
from personalization.ingest.calls import read_event
from personalization.ingest.identities import Sender
from personalization.ingest.pipeline import process_events
from personalization.segments.models import Segment
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
        for _ in range(n_events // REQUEST):
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
    rates = _rates(traffic, effort.rounds)
    _fill(traffic, many)
    late_rates = _rates(traffic, effort.rounds)
    rate, late_rate = statistics.median(rates), statistics.median(late_rates)
    rules = Segment.objects.count()
    yield Result(
        name="worker_events_per_second",
        value=rate,
        unit="events/s",
        floor=f"one process, {rules} rules, {few:,} events stored before",
    )
    yield Result(
        name="worker_growth",
        value=rate / late_rate,
        unit="times",
        floor=f"per event with {few:,} stored: {1e6 / rate:.0f} µs",
        ratio=rate / late_rate,
    )


def _fill(traffic: Traffic, stored: int) -> None:
    """Process until so many events are stored: by the same way as the events measured."""
    while (missing := stored - Event.objects.count()) > 0:
        sys.stderr.write(f"{missing:,} events to store before the next measurement\n")
        for _ in range(20):
            if missing > 0:
                _process(traffic, min(missing, PORTION))
                missing -= PORTION


def _rates(traffic: Traffic, rounds: int) -> Sequence[float]:
    return [_process(traffic, PORTION) for _ in range(rounds)]


def _process(traffic: Traffic, n: int) -> float:
    """Put `n` events into the buffer, process them and return the events per second."""
    n -= n % REQUEST
    for batch in traffic.requests(max(n, REQUEST)):
        buffer().append(batch)
    started = time.perf_counter()
    process_events(now=traffic.at)
    return n / (time.perf_counter() - started)
