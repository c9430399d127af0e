"""Durable requests per second beside views that do less, and what the worker does with them.

Ours and the views are asked over real sockets, in turns, in the same server process and
database.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any, cast

from django.db import connection

from personalization.conf import settings
from personalization.events.models import BufferedBatch, Source
from personalization.events.write_keys import add_write_key
from personalization.profiles.visitor import new_visitor_id, signed
from project.benchmarks.database import throwaway_database
from project.benchmarks.load import Call, Clients, in_turns
from project.benchmarks.pages import RawBody, RawEvent
from project.benchmarks.results import Effort, Result, benchmarks
from project.benchmarks.worker import worker_results

ROOT = Path(__file__).resolve().parent.parent.parent
CLIENTS, BATCH, LONG_BATCH = 4, 20, 100
RAW = (RawBody, RawEvent)
BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


class Lost(Exception):
    """Fewer rows are in the database than requests were answered."""


@benchmarks.register("ingest")
def measure(effort: Effort) -> Sequence[Result]:
    with throwaway_database(migrated=True) as database:
        with connection.schema_editor() as editor:
            for model in RAW:
                editor.create_model(model)
        source = Source.objects.create(slug="shop", name="Shop")
        pairs = _pairs(add_write_key(source))
        calls = [call for pair in pairs for call in (pair.ours, pair.floor)]
        with _server(database) as port, Clients(port=port, n=CLIENTS) as clients:
            for call in calls:
                clients.send(call, seconds=0)  # the first request of a process loads its code
            rates = in_turns(clients, calls, seconds=effort.seconds, rounds=effort.rounds)
            _refuse_losses(clients)
        for table in (BufferedBatch, *RAW):
            table._default_manager.all().delete()
        web = [
            result
            for pair, ours, floor in zip(pairs, rates[::2], rates[1::2], strict=True)
            for result in _results(pair, ours=ours, floor=floor)
        ]
        return [*web, *worker_results(effort)]


@dataclass(frozen=True, kw_only=True)
class Pair:
    """What is compared: our endpoint and a view that does less with the same body."""

    name: str
    ours: Call
    floor: Call
    events: int
    words: str


def _pairs(write_key: str) -> list[Pair]:
    cookie = f"{settings.VISITOR_COOKIE}={signed(new_visitor_id())}"
    headers = {"Content-Type": "application/json", "Cookie": cookie, "User-Agent": BROWSER}
    single = {**_event(0), "writeKey": write_key}

    def pair(name: str, n: int, path: str, words: str) -> Pair:
        batch = {"batch": [_event(i) for i in range(n)], "writeKey": write_key}
        body = json.dumps(single if n == 1 else batch).encode()
        ours = "/p/v1/track" if n == 1 else "/p/v1/batch"
        return Pair(
            name=name,
            ours=Call(path=ours, body=body, headers=headers),
            floor=Call(path=path, body=body, headers=headers),
            events=n,
            words=words,
        )

    bare = "a bare Django view that inserts the same body in one row"
    rows = "a Django view that COPYs the events of the same body, a row each"
    body = "a Django view that COPYs the same body, in one row"
    return [
        pair("single_vs_bare_view", 1, "/bare/", bare),
        pair(f"batch{BATCH}_vs_bare_view", BATCH, "/bare/", bare),
        pair(f"batch{LONG_BATCH}_vs_copy_view", LONG_BATCH, "/copy-rows/", rows),
        pair(f"batch{LONG_BATCH}_vs_raw_copy_view", LONG_BATCH, "/copy-body/", body),
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
    rows = sum(table._default_manager.count() for table in (BufferedBatch, *RAW))
    if rows < clients.answered:
        raise Lost(f"{clients.answered} requests were answered and {rows} rows were kept.")


def _results(pair: Pair, *, ours: Sequence[float], floor: Sequence[float]) -> Iterator[Result]:
    """Compare round by round, so that a machine that slows down slows both down."""
    ratio = statistics.median(rate / least for rate, least in zip(ours, floor, strict=True))
    rate = statistics.median(ours)
    words = f"{pair.words}: {statistics.median(floor):.0f} requests/s (median)"
    yield Result(name=pair.name, value=ratio, unit="times", floor=words, ratio=ratio)
    prefix = pair.name.partition("_vs_")[0]
    if "raw" in pair.name:  # the same requests of ours as in the pair before
        return
    yield Result(name=f"{prefix}_requests", value=rate, unit="requests/s", floor=words, ratio=ratio)
    yield Result(
        name=f"{prefix}_events", value=pair.events * rate, unit="events/s", floor=words, ratio=ratio
    )
