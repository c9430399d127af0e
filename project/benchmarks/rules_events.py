"""What one more event costs with more and more rules: from its row to the memberships."""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from django.db import connection, transaction

from personalization.clock import microseconds
from personalization.ingest.apply import apply_events
from personalization.profiles.locks import hold
from personalization.profiles.models import Snapshot
from personalization.profiles.moves import Moves
from personalization.rules.evaluate import membership
from personalization.rules.occurrence import Occurrence
from personalization.segments.live import live_rules
from personalization.segments.membership import facts_of
from personalization.segments.refresh import refresh_segments
from project.benchmarks.database import throwaway_database
from project.benchmarks.results import Effort, Result
from project.benchmarks.rules_world import (
    Doings,
    Visitors,
    row_of,
    seed_rules,
    seed_visitors,
    source,
    store,
)

RULES = (0, 10, 100, 1000)
#: Visitors who are on the site, and events that a worker claims at once.
PRESENT, CLAIM = 500, 2000


@dataclass(frozen=True, kw_only=True)
class Costs:
    """Of one number of rules: µs per event, and what its snapshots are like.

    `event` is the processor's time of the worker: on a busy machine the clock also counts
    the waiting. `clock` is by the clock, with the work of the database.
    """

    event: float
    clock: float
    evaluation: float
    snapshot_bytes: float


def event_results(effort: Effort) -> Iterator[Result]:
    """Measure each number of rules in a database of its own."""
    costs = {n: _measure(n, effort) for n in RULES}
    floor = costs[0].event
    for n in RULES[1:]:
        yield Result(
            name=f"us_per_event_{n}_rules",
            value=costs[n].event - floor,
            unit="µs/event",
            floor=f"processor's time of the worker beyond the same events without rules: "
            f"{floor:.1f} µs each; by the clock, with the database: {costs[0].clock:.1f} µs "
            f"without, {costs[n].clock:.1f} µs with {n}",
            ratio=costs[n].event / floor,
        )
    yield Result(
        name="us_per_event_growth",
        value=(costs[1000].event - floor) / max(costs[10].event - floor, 0.1),
        unit="times",
        floor="100 times as many rules: what 1000 rules add to an event over what 10 add",
        ratio=costs[1000].event / costs[10].event,
    )
    yield Result(
        name="us_per_evaluation",
        value=costs[100].evaluation,
        unit="µs/rule",
        floor="one rule for one snapshot, with the end of the membership",
    )
    yield Result(
        name="snapshot_bytes_median",
        value=costs[100].snapshot_bytes,
        unit="bytes",
        floor=f"of a profile, with 100 rules; with 1000: {costs[1000].snapshot_bytes:.0f}",
    )


def _measure(n_rules: int, effort: Effort) -> Costs:
    with throwaway_database():
        seed_rules(n_rules)
        visitors = seed_visitors(PRESENT)
        source_id = source().pk
        doings = Doings(random.Random(1))  # noqa: S311 - the same visitors every time
        refresh_segments(now=doings.at)
        claims = [
            _claim(visitors, doings, source_id=source_id) for _ in range(max(effort.rounds, 3) + 2)
        ]
        return Costs(
            # The first ones fill caches; what slows down one of the others is another process.
            event=1e6 * min(cpu for cpu, _ in claims[2:]) / CLAIM,
            clock=1e6 * min(clock for _, clock in claims[2:]) / CLAIM,
            evaluation=_evaluation(doings) if n_rules else 0.0,
            snapshot_bytes=_snapshot_bytes(),
        )


def _claim(visitors: Visitors, doings: Doings, *, source_id: int) -> tuple[float, float]:
    """Store the events of a claim; return the seconds that all that follows takes: of this
    process's work, and by the clock."""
    occurrences: dict[int, list[Occurrence]] = {}
    rows = []
    for _ in range(CLAIM):
        place = doings.rng.randrange(PRESENT)
        name, properties = doings.next()
        occurrence = Occurrence(
            "track", name, properties, microseconds(doings.at), f"message-{doings.n}"
        )
        occurrences.setdefault(visitors.profile_ids[place], []).append(occurrence)
        rows.append(
            row_of(
                occurrence,
                identity_id=visitors.identity_ids[place],
                source_id=source_id,
                at=doings.at,
            )
        )
    store(iter(rows))
    doings.at += timedelta(hours=1)  # so that windows end, too
    cpu, clock = time.process_time(), time.perf_counter()
    with transaction.atomic():
        held = hold(occurrences, lambda: occurrences)
        apply_events(occurrences, held, moves=Moves(), now=doings.at)
    return time.process_time() - cpu, time.perf_counter() - clock


def _evaluation(doings: Doings) -> float:
    """Return the µs that one rule takes for one snapshot that is in memory."""
    live = live_rules()
    now = microseconds(doings.at)
    facts = [facts_of(one, live) for one in Snapshot.objects.order_by("pk")[:50]]
    n = len(facts) * len(live.rules)
    for _ in range(2):  # the first time, counters are read from JSON
        started = time.process_time()
        for one in facts:
            for rule in live.rules.values():
                membership(rule, one, now=now)
        seconds = time.process_time() - started
    return 1e6 * seconds / n


def _snapshot_bytes() -> float:
    table = Snapshot._meta.db_table
    columns = "traits", "trait_times", "features", "sums", "counters", "memberships", "consents"
    size = "OCTET_LENGTH(CAST({} AS TEXT))"
    if connection.vendor == "sqlite":
        size = "LENGTH(CAST({} AS BLOB))"
    total = " + ".join(size.format(column) for column in columns)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {total} FROM {table}")  # noqa: S608 - our own names
        return float(statistics.median(row[0] for row in cursor.fetchall()))
