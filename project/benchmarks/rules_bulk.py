"""Back-filling many rules for everybody, beside one pass of SQL over the same events."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django.db import connection, transaction

from personalization import bulk
from personalization.clock import microseconds
from personalization.events.models import Event
from personalization.profiles.models import Identity, Snapshot
from personalization.profiles.plan import plan
from personalization.rules.counter import CounterNeed
from personalization.rules.occurrence import Occurrence
from personalization.segments.live import live_rules
from personalization.segments.models import Membership
from personalization.segments.population import scope_at
from personalization.segments.refresh import refresh_segments
from project.benchmarks.database import throwaway_database
from project.benchmarks.results import Effort, Result
from project.benchmarks.rules_world import (
    START,
    Doings,
    Visitors,
    row_of,
    seed_rules,
    seed_visitors,
    source,
    store,
)

RULES, EVENTS_EACH, DAYS = 100, 20, 30


def bulk_results(effort: Effort) -> Iterator[Result]:
    """Fill 100 new rules for profiles that have been on a site without any."""
    with throwaway_database():
        visitors = seed_visitors(effort.profiles)
        _seed_events(visitors)
        Snapshot.objects.update(plan=plan(()).id)
        seed_rules(RULES)
        _tidy()
        single = min(_single_pass() for _ in range(2))
        started = time.perf_counter()
        refresh_segments(now=START)
        seconds = time.perf_counter() - started
        n = Event.objects.count()
        yield Result(
            name="bulk_vs_single_pass",
            value=seconds / single,
            unit="times",
            floor=f"one COUNT(*) FILTER … GROUP BY profile of the same matchers: {single:.2f} s; "
            f"{RULES} rules, {effort.profiles:,} profiles, {n:,} events, "
            f"{Membership.objects.count():,} memberships: {seconds:.2f} s",
            ratio=seconds / single,
        )


def _single_pass() -> float:
    """Return the seconds of the pass that somebody would write by hand."""
    scope = scope_at(START)
    needs = {
        need.key: need
        for found in live_rules().plan.needs.values()
        for need in found
        if isinstance(need, CounterNeed)
    }
    counts = [need.matcher.sql(scope, alias="e") for need in needs.values()]
    columns = "".join(
        f", COUNT(*) FILTER (WHERE {one.text}) AS c{place}" for place, one in enumerate(counts)
    )
    text = (
        f"CREATE TEMPORARY TABLE single_pass AS SELECT i.profile_id{columns}"  # noqa: S608
        f" FROM {Event._meta.db_table} e"
        f" JOIN {Identity._meta.db_table} i ON i.id = e.identity_id GROUP BY i.profile_id"
    )
    params: list[Any] = [param for one in counts for param in one.params]
    started = time.perf_counter()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(text, params)
        seconds = time.perf_counter() - started
        cursor.execute("DROP TABLE single_pass")
    return seconds


def _seed_events(visitors: Visitors) -> None:
    """Store what the visitors did in the last 30 days, in the order of time."""
    n = len(visitors.identity_ids) * EVENTS_EACH
    doings = Doings(
        random.Random(1),  # noqa: S311 - the same events every time
        step=timedelta(days=DAYS) / n,
        at=START - timedelta(days=DAYS),
    )
    source_id = source().pk

    def rows() -> Iterator[bulk.Row]:
        for _ in range(n):
            name, properties = doings.next()
            what = Occurrence(
                "track", name, properties, microseconds(doings.at), f"message-{doings.n}"
            )
            identity_id = doings.rng.choice(visitors.identity_ids)
            yield row_of(what, identity_id=identity_id, source_id=source_id, at=doings.at)

    store(rows())


def _tidy() -> None:
    """Let the planner know what there is, as it does on a site that has been running."""
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE" if connection.vendor == "postgresql" else "ANALYZE")
