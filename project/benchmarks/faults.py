"""What is acknowledged is stored and counted once, whoever is killed: that is tried out here.

On servers of its own: PostgreSQL, Redis, web servers and workers are killed in the middle
of their work, in any order, and started again, while clients send and send again. That is
SIGKILL and no power cut: what the kernel has taken, it writes.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from project.benchmarks.faults_ordeal import Ordeal, Tally, has_postgres, has_redis
from project.benchmarks.results import Effort, Result, benchmarks

KILLS_PER_SECOND = 2.0
FIGURES: Mapping[str, tuple[str, Callable[[Tally], int], str]] = {
    "kills": ("kills", lambda tally: tally.kills.total(), ""),
    "acknowledged": (
        "events",
        lambda tally: len(tally.acknowledged),
        "answered with 200: in the end, all that was sent",
    ),
    "sent_again": ("requests", lambda tally: tally.repeated, "that got no good answer"),
    "lost": (
        "events",
        lambda tally: tally.lost,
        "acknowledged and not stored, or stored and not counted",
    ),
    "doubled": ("events", lambda tally: tally.doubled, "stored or counted more than once"),
    "differences": (
        "profiles",
        lambda tally: tally.differences,
        "that are not what the log says (audit_profiles)",
    ),
}


@benchmarks.register("faults")
def measure(effort: Effort) -> Sequence[Result]:
    buffers = ["database", "redis"] if has_redis() else ["database"]
    kills = max(round(effort.seconds * KILLS_PER_SECOND), len(buffers))
    tallies = []
    for number, buffer in enumerate(buffers):
        share = kills // len(buffers) + (number < kills % len(buffers))
        # Not the same order each time: what one run misses, another one finds.
        rng = random.Random()  # noqa: S311
        with (
            TemporaryDirectory(prefix="benchmark-") as folder,
            Ordeal.on(Path(folder), buffer=buffer, rng=rng) as ordeal,
        ):
            tallies.append(ordeal.go_through(share))
    return results(tallies, left_out=left_out())


def left_out() -> list[str]:
    """Return what this machine cannot try, and why."""
    missing = []
    if not has_postgres():
        missing.append("PostgreSQL (there is no initdb, or no psycopg); SQLite stood in")
    if not has_redis():
        missing.append("Redis and its buffer (there is no redis-server, or no client)")
    return missing


def results(tallies: Sequence[Tally], *, left_out: Sequence[str]) -> list[Result]:
    kills = sum((tally.kills for tally in tallies), Counter[str]())
    about = {
        "kills": ", ".join(
            [
                *(f"{kind} {n}" for kind, n in sorted(kills.items())),
                *(f"{tally.buffer} buffer on {tally.database}" for tally in tallies),
                *(f"LEFT OUT: {what}" for what in left_out),
            ]
        )
    }
    return [
        Result(name=name, value=sum(map(figure, tallies)), unit=unit, floor=about.get(name, what))
        for name, (unit, figure, what) in FIGURES.items()
    ]
