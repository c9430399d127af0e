"""The monthly partitions of the events, on PostgreSQL.

What no month is there for lies in a default partition, so that no event is ever refused.
Other databases keep the events in one plain table, and so does a PostgreSQL without our
migrations: nothing here finds a month then.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TypeVar

from django.db import OperationalError, connections, router, transaction
from django.db.backends.utils import CursorWrapper

from personalization.events.models import Event

T = TypeVar("T")

TABLE = Event._meta.db_table
DEFAULT = f"{TABLE}_default"
#: How many months there are to be, this one not counted.
AHEAD = 3
#: How often to ask for a lock that others hold, and how long to wait for it each time:
#: less than the second after which PostgreSQL looks for deadlocks and ends one of both.
TRIES, LOCK_TIMEOUT = 30, "900ms"
#: PostgreSQL's codes for a lock that was not given in time, and for a deadlock.
_BUSY = frozenset({"55P03", "40P01"})


@dataclass(frozen=True, order=True)
class Month:
    """A month of the calendar, in UTC."""

    year: int
    number: int

    @classmethod
    def of(cls, moment: datetime) -> Month:
        moment = moment.astimezone(UTC)
        return cls(moment.year, moment.month)

    @property
    def next(self) -> Month:
        return Month(self.year + self.number // 12, self.number % 12 + 1)

    @property
    def start(self) -> datetime:
        return datetime(self.year, self.number, 1, tzinfo=UTC)

    @property
    def end(self) -> datetime:
        """The first instant after it."""
        return self.next.start

    @property
    def table(self) -> str:
        """The name of its partition."""
        return f"{TABLE}_{self.year:04}_{self.number:02}"

    def __str__(self) -> str:
        return f"{self.year:04}-{self.number:02}"


_NAME = re.compile(rf"{TABLE}_(\d{{4}})_(\d{{2}})")


def database() -> str:
    """Return the alias of the database that the events lie in."""
    return router.db_for_write(Event)


def is_partitioned() -> bool:
    connection = connections[database()]
    if connection.vendor != "postgresql":
        return False
    with connection.cursor() as cursor:
        cursor.execute("SELECT relkind = 'p' FROM pg_class WHERE oid = to_regclass(%s)", [TABLE])
        return bool(cursor.fetchone() == (True,))


def months() -> list[Month]:
    """Return the months that have a partition, the earliest first."""
    if connections[database()].vendor != "postgresql":
        return []
    with connections[database()].cursor() as cursor:
        return _months(cursor)


def make_months(*, first: Month, now: datetime) -> dict[Month, int]:
    """Make the partitions of this month and the next ones, and of those since `first`
    that events lie in the default partition of.

    Returns how many events each new one took over.
    """
    if not is_partitioned():
        return {}
    wanted = [Month.of(now)]
    for _ in range(AHEAD):
        wanted.append(wanted[-1].next)
    last = wanted[-1]
    wanted += [month for month in _months_of_default() if first <= month <= last]
    missing = sorted(set(wanted) - set(months()))
    return {month: patiently(partial(_make, month)) for month in missing}


def drop_month(month: Month, cursor: CursorWrapper) -> None:
    """Drop a partition with its events, inside of `alone`."""
    cursor.execute(f"DROP TABLE IF EXISTS {month.table}")


@contextmanager
def alone() -> Iterator[CursorWrapper]:
    """Open a transaction that nobody else reads or writes events beside.

    The lock is on the table as a whole, which everybody asks for first: so nobody waits
    for us with a partition in hand. Requests go on meanwhile; they need no events.

    :raises OperationalError: when it takes too long to get; see `patiently`.
    """
    alias = database()
    with transaction.atomic(alias), connections[alias].cursor() as cursor:
        cursor.execute(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(f"LOCK TABLE ONLY {TABLE} IN ACCESS EXCLUSIVE MODE")
        yield cursor


def patiently(work: Callable[[], T]) -> T:
    """Return what `work` does; when somebody holds what it needs, it is tried again.

    :raises OperationalError: when it is still held after many tries.
    """
    for _ in range(TRIES - 1):
        try:
            return work()
        except OperationalError as error:
            if getattr(error.__cause__, "sqlstate", "") not in _BUSY:
                raise
        time.sleep(random.uniform(0.1, 0.5))  # noqa: S311 - chance enough to miss each other
    return work()


def _months(cursor: CursorWrapper) -> list[Month]:
    cursor.execute(
        "SELECT relname FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid"
        " WHERE inhparent = to_regclass(%s)",
        [TABLE],
    )
    names = [_NAME.fullmatch(name) for (name,) in cursor.fetchall()]
    return sorted(Month(int(name[1]), int(name[2])) for name in names if name)


def _months_of_default() -> list[Month]:
    sql = f"SELECT DISTINCT date_trunc('month', timestamp AT TIME ZONE 'UTC') FROM {DEFAULT}"  # noqa: S608
    with connections[database()].cursor() as cursor:
        cursor.execute(sql)
        return [Month(start.year, start.month) for (start,) in cursor.fetchall()]


def _make(month: Month) -> int:
    """Make a partition and move what lies in the default one; all see both or neither."""
    with alone() as cursor:
        if month in _months(cursor):  # somebody was quicker
            return 0
        cursor.execute(f"CREATE TABLE {month.table} (LIKE {TABLE} INCLUDING DEFAULTS)")
        cursor.execute(
            f"WITH moved AS (DELETE FROM {DEFAULT}"  # noqa: S608 - names of our own
            " WHERE timestamp >= %s AND timestamp < %s RETURNING *)"
            f" INSERT INTO {month.table} SELECT * FROM moved",
            [month.start, month.end],
        )
        moved = int(cursor.rowcount)
        # With indexes and foreign keys as the whole has them.
        cursor.execute(
            f"ALTER TABLE {TABLE} ATTACH PARTITION {month.table}"
            f" FOR VALUES FROM ('{month.start}') TO ('{month.end}')"
        )
    return moved
