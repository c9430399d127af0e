"""Back-fill a chunk of profiles in two statements: counters from one pass over their events,
memberships from the counters. For PostgreSQL.

The names in the statements are those of our own tables and columns; values are parameters.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection

from personalization.events.models import Event
from personalization.profiles.models import Identity, Snapshot
from personalization.rules.counter import CounterNeed
from personalization.rules.sql import Scope, Sql
from personalization.segments.courses import LONG_AGO, NEVER_ENDS, Span
from personalization.segments.linking import LiveVersion
from personalization.segments.models import Membership
from personalization.types import Microseconds

_EVENT, _IDENTITY = Event._meta.db_table, Identity._meta.db_table
_SNAPSHOT, _MEMBERSHIP = Snapshot._meta.db_table, Membership._meta.db_table
_COUNTED = "backfill_counters"
_EPOCH = "TIMESTAMPTZ 'epoch'"

#: A hundred aggregates are not worth compiling for one chunk, and their order of events is
#: that of the sort below them: by profile, newest first.
_SETTINGS = (
    "SET LOCAL jit = off",
    "SET LOCAL enable_hashagg = off",
    "SET LOCAL max_parallel_workers_per_gather = 0",
    "SET LOCAL work_mem = '64MB'",
)


@dataclass(frozen=True)
class Counted:
    """Where counters stand: those of `fresh` needs in the pass, others in the snapshot."""

    fresh: Sequence[CounterNeed]

    def nth(self, need: CounterNeed, n: int) -> Sql:
        if (column := self._column(need)) is not None:
            return Sql(f"a.{column}[{n}]")
        return self._stored(need, f"n,{n - 1}")

    def total(self, need: CounterNeed) -> Sql:
        if (column := self._column(need)) is not None:
            return Sql(f"cardinality(a.{column})")
        return self._stored(need, "t")

    def first(self, need: CounterNeed) -> Sql:
        if (column := self._column(need)) is not None:
            return Sql(f"a.{column}[cardinality(a.{column})]")
        return self._stored(need, "f")

    def _column(self, need: CounterNeed) -> str | None:
        places = {one.key: place for place, one in enumerate(self.fresh)}
        place = places.get(need.key)
        return None if place is None else f"c{place}"

    def _stored(self, need: CounterNeed, path: str) -> Sql:
        return Sql("(s.counters #>> %s::text[])::bigint", (f"{{{need.key},{path}}}",))


@dataclass(frozen=True)
class Answer:
    """What SQL tells of a version: from when until when its rule holds."""

    version: LiveVersion
    span: Span


def count_events(ids: Sequence[int], fresh: Sequence[CounterNeed], scope: Scope) -> None:
    """Put the instants of the events of each fresh need into a table of this transaction."""
    matchers = [need.matcher.sql(scope, alias="e") for need in fresh]
    columns = "".join(
        f", array_agg(e.at) FILTER (WHERE {matcher.text}) AS c{place}"
        for place, matcher in enumerate(matchers)
    )
    names = sorted({name for need in fresh for name in need.events})
    text = (
        f"CREATE TEMPORARY TABLE {_COUNTED} ON COMMIT DROP AS "  # noqa: S608 - see above
        f"SELECT e.profile_id{columns} FROM ("
        "SELECT i.profile_id, e.name, e.properties, e.timestamp,"
        " (EXTRACT(EPOCH FROM e.timestamp) * 1000000)::bigint AS at"
        f" FROM {_EVENT} e JOIN {_IDENTITY} i ON i.id = e.identity_id"
        " WHERE i.profile_id = ANY(%s) AND e.name = ANY(%s)"
        " ORDER BY i.profile_id, e.timestamp DESC) e GROUP BY e.profile_id"
    )
    params: list[Any] = [param for matcher in matchers for param in matcher.params]
    with connection.cursor() as cursor:
        for setting in _SETTINGS:
            cursor.execute(setting)
        cursor.execute(f"DROP TABLE IF EXISTS {_COUNTED}")
        cursor.execute(text, [*params, list(ids), names])


def keep_counters(
    ids: Sequence[int], fresh: Sequence[CounterNeed], *, obsolete: Sequence[str], plan: str
) -> None:
    """Take the counters of the pass over into the snapshots, which then follow `plan`."""
    keys = [need.key for need in fresh]
    gone = [*obsolete, *keys]
    with connection.cursor() as cursor:
        if not fresh:
            cursor.execute(
                f"UPDATE {_SNAPSHOT} SET counters = counters - %s::text[], plan = %s"  # noqa: S608
                " WHERE profile_id = ANY(%s)",
                [gone, plan, list(ids)],
            )
            return
        cursor.execute(
            f"UPDATE {_SNAPSHOT} s SET plan = %s,"  # noqa: S608
            f" counters = (s.counters - %s::text[]) || COALESCE({_as_json(fresh)}, '{{}}')"
            f" FROM {_SNAPSHOT} other LEFT JOIN {_COUNTED} a ON a.profile_id = other.profile_id"
            " WHERE s.profile_id = other.profile_id AND other.profile_id = ANY(%s)",
            [plan, gone, *keys, list(ids)],
        )


def _as_json(fresh: Sequence[CounterNeed]) -> str:
    """Return the object of the counters, written as text: a NULL leaves its counter out.

    As one expression. A list of rows would be prepared anew for every profile.
    """
    parts = ", ".join(
        "'\"' || %s || '\":{\"n\":['"
        f" || array_to_string(a.c{place}[1:{need.size}], ',')"
        f" || '],\"t\":' || cardinality(a.c{place})"
        f" || ',\"f\":' || a.c{place}[cardinality(a.c{place})] || '}}'"
        for place, need in enumerate(fresh)
    )
    return f"('{{' || array_to_string(ARRAY[{parts}]::text[], ',') || '}}')::jsonb"


def join_versions(
    ids: Sequence[int], answers: Sequence[Answer], *, counted: bool, now: Microseconds
) -> list[tuple[int, int]]:
    """Write who is in each version, or will be by time alone: the rows and the snapshots.

    `counted`: there is a pass. Nobody is in any of the versions yet. Returns the (profile,
    version) of those who are in now.
    """
    columns, params = _answer_columns(answers, now)
    source = f"LEFT JOIN {_COUNTED} a ON a.profile_id = s.profile_id" if counted else ""
    spans = (
        "SELECT v.profile_id, v.version_id, v.segment_id, v.told,"  # noqa: S608
        f" CASE WHEN v.begins > {now} THEN v.begins ELSE COALESCE(v.since, {now}) END AS since,"
        f" NULLIF(v.ends, {NEVER_ENDS}) AS until, v.begins <= {now} AS inside"
        f" FROM (SELECT s.profile_id, {columns} FROM {_SNAPSHOT} s {source}"
        f" WHERE s.profile_id = ANY(%s) OFFSET 0) v WHERE GREATEST(v.begins, {now}) < v.ends"
    )
    with connection.cursor() as cursor:
        cursor.execute(_JOIN.format(spans=spans), [*params, list(ids)])
        return [(profile_id, version_id) for profile_id, version_id in cursor.fetchall()]


def _instant(column: str) -> str:
    return f"{_EPOCH} + {column} * INTERVAL '1 microsecond'"


_JOIN = (
    "WITH spans AS MATERIALIZED ({spans}), entries AS ("  # noqa: S608 - see above
    f"INSERT INTO {_MEMBERSHIP} (profile_id, segment_id, version_id, since, until, settled)"
    f" SELECT profile_id, segment_id, version_id, {_instant('since')}, {_instant('until')}, false"
    " FROM spans), kept AS (SELECT profile_id, jsonb_object_agg(version_id,"
    " jsonb_build_array(since, until, CASE WHEN inside THEN told ELSE 0 END)) AS memberships,"
    " MIN(CASE WHEN inside THEN until ELSE since END) AS due FROM spans GROUP BY profile_id),"
    f" saved AS (UPDATE {_SNAPSHOT} s SET memberships = s.memberships || kept.memberships,"
    f" due_at = LEAST(s.due_at, {_instant('kept.due')})"
    " FROM kept WHERE s.profile_id = kept.profile_id)"
    " SELECT profile_id, version_id FROM spans WHERE inside AND told = 1"
)


def _answer_columns(answers: Sequence[Answer], now: Microseconds) -> tuple[str, list[Any]]:
    """Return the columns that unfold into a row for each version, with their parameters.

    Arrays, because an expression is prepared once, and a list of rows for every profile.
    """
    begins = [one.span.begin or Sql(f"{LONG_AGO}") for one in answers]
    ends = [one.span.end or Sql(f"{NEVER_ENDS}") for one in answers]
    versions = [one.version for one in answers]
    lists = {
        "version_id": [str(one.id) for one in versions],
        "segment_id": [str(one.segment_id) for one in versions],
        "told": ["1" if one.serving else "2" for one in versions],
        "begins": [one.text for one in begins],
        "ends": [one.text for one in ends],
        "since": [_since(one, now) for one in versions],
    }
    columns = ", ".join(
        f"unnest(ARRAY[{', '.join(values)}]::bigint[]) AS {name}" for name, values in lists.items()
    )
    return columns, [param for one in (*begins, *ends) for param in one.params]


def _since(version: LiveVersion, now: Microseconds) -> str:
    """Return since when somebody is in who is in the version that serves, too."""
    if version.beside is None:
        return "NULL::bigint"
    kept = f"s.memberships -> '{version.beside}'"
    since, until = f"({kept} ->> 0)::bigint", f"({kept} ->> 1)::bigint"
    return (
        f"CASE WHEN ({kept} ->> 2) = '1' AND {since} <= {now}"
        f" AND COALESCE({until} > {now}, true) THEN {since} END"
    )


def unsuited(
    ids: Sequence[int], *, versions: Sequence[int], allowed: Sequence[int], now: Any
) -> set[int]:
    """Return those of the profiles that only the evaluation in memory can tell of.

    Who is in one of the `versions` already, or in another than the `allowed` ones; and who
    has events that lie ahead.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT profile_id FROM {_SNAPSHOT} WHERE profile_id = ANY(%s)"  # noqa: S608
            " AND (last_seen > %s OR memberships ?| %s::text[]"
            " OR memberships - %s::text[] <> '{}')",
            [list(ids), now, [str(one) for one in versions], [str(one) for one in allowed]],
        )
        return {row[0] for row in cursor.fetchall()}


def known_plans(ids: Sequence[int]) -> Mapping[str, list[int]]:
    """Return the profiles by the plan that their snapshots follow."""
    found: dict[str, list[int]] = {}
    rows = Snapshot.objects.filter(pk__in=ids).order_by("pk").values_list("plan", "pk")
    for plan, pk in rows:
        found.setdefault(plan, []).append(pk)
    return found
