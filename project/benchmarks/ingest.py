"""Durable requests per second, against a bare Django view that keeps the raw body in a row.

Both are asked over real sockets, in turns, in the same server process and database.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any, cast

from django.db import connection
from django.db.models import QuerySet

from personalization.conf import settings
from personalization.events.models import BufferedBatch, Source
from personalization.profiles.visitor import new_visitor_id, signed
from project.benchmarks.database import throwaway_database
from project.benchmarks.load import Call, Clients, in_turns
from project.benchmarks.pages import RawBody
from project.benchmarks.results import Effort, Result, benchmarks

ROOT = Path(__file__).resolve().parent.parent.parent
CLIENTS, BATCH = 4, 20


class Lost(Exception):
    """Fewer rows are in the database than requests were answered."""


@benchmarks.register("ingest")
def measure(effort: Effort) -> Sequence[Result]:
    with throwaway_database() as database:
        with connection.schema_editor() as editor:
            editor.create_model(RawBody)
        calls = _calls(Source.objects.create(slug="shop", name="Shop").write_key)
        with _server(database) as port, Clients(port=port, n=CLIENTS) as clients:
            for call in calls:
                clients.send(call, seconds=0)  # the first request of a process loads its code
            rates = in_turns(clients, calls, seconds=effort.seconds, rounds=effort.rounds)
            _refuse_losses(clients)
    return [
        *_results("single", ours=rates[0], bare=rates[1], events=1),
        *_results(f"batch{BATCH}", ours=rates[2], bare=rates[3], events=BATCH),
    ]


def _calls(write_key: str) -> list[Call]:
    """Return the calls of our endpoints, each followed by the bare one with the same body."""
    cookie = f"{settings.VISITOR_COOKIE}={signed(new_visitor_id())}"
    headers = {"Content-Type": "application/json", "Cookie": cookie}
    single = json.dumps({**_event(0), "writeKey": write_key}).encode()
    batch = {"batch": [_event(i) for i in range(BATCH)], "writeKey": write_key}
    several = json.dumps(batch).encode()
    return [
        Call(path=path, body=body, headers=headers)
        for path, body in (
            ("/p/v1/track", single),
            ("/bare/", single),
            ("/p/v1/batch", several),
            ("/bare/", several),
        )
    ]


def _event(i: int) -> dict[str, Any]:
    """Return an event as the tracker sends it."""
    return {
        "type": "track",
        "event": "Product Added",
        "properties": {
            "product_id": f"BOOT-{i}", "name": f"Walking boot {i}", "category": "boots",
            "price": 79.9 + i, "quantity": 1, "currency": "EUR",
        },
        "context": {
            "page": {
                "url": f"https://shop.example/products/boot-{i}/", "path": f"/products/boot-{i}/",
                "referrer": "https://shop.example/", "title": "Walking boots",
            },
            "library": {"name": "tracker", "version": "1.0.0"},
            "locale": "en-GB",
        },
        "timestamp": "2026-05-04T10:00:00.000Z",
        "messageId": f"0f8fad5b-d9cb-469f-a165-70867728950{i % 10}-{i}",
    }  # fmt: skip


@contextmanager
def _server(database: str) -> Iterator[int]:
    """Run the server on `database`; yield its port."""
    with TemporaryDirectory(prefix="benchmark-") as folder:
        process = subprocess.Popen(
            [sys.executable, "-m", "project.benchmarks.server"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        where = json.dumps({"database": database, "folder": folder})
        with process, cast("IO[str]", process.stdin) as orders:
            orders.write(f"{where}\n")
            orders.flush()
            try:
                yield int(cast("IO[str]", process.stdout).readline())
            finally:
                orders.close()
                _wait(process)


def _wait(process: subprocess.Popen[str]) -> None:
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        process.kill()


def _refuse_losses(clients: Clients) -> None:
    """Every answer of 200 said: it is kept."""
    tables: list[QuerySet[Any]] = [BufferedBatch.objects.all(), RawBody.objects.all()]
    rows = sum(table.count() for table in tables)
    if rows < clients.answered:
        raise Lost(f"{clients.answered} requests were answered and {rows} rows were kept.")


def _results(
    name: str, *, ours: Sequence[float], bare: Sequence[float], events: int
) -> Iterator[Result]:
    """Compare round by round, so that a machine that slows down slows both down."""
    ratio = statistics.median(rate / floor for rate, floor in zip(ours, bare, strict=True))
    rate = statistics.median(ours)
    floor = (
        "a bare Django view that inserts the same body in one row: "
        f"{statistics.median(bare):.0f} requests/s (median)"
    )
    yield Result(name=f"{name}_vs_bare_view", value=ratio, unit="times", floor=floor, ratio=ratio)
    yield Result(name=f"{name}_requests", value=rate, unit="requests/s", floor=floor, ratio=ratio)
    yield Result(
        name=f"{name}_events", value=events * rate, unit="events/s", floor=floor, ratio=ratio
    )
