"""Queries that are given up after a while, or when somebody says so."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

from django.db import connection, transaction

#: SQLite looks at the clock after so many steps of its virtual machine: some milliseconds.
_STEPS = 20_000


@contextmanager
def bounded(milliseconds: int, *, name: str = "") -> Iterator[None]:
    """Let queries inside raise OperationalError when they take longer, each for itself.

    `name` is what `stop` finds them by, up to 63 characters.
    """
    if connection.vendor == "postgresql":
        nested = connection.in_atomic_block
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                "SELECT set_config('statement_timeout', %s, true), "
                "set_config('application_name', %s, true)",
                (str(milliseconds), name),
            )
            yield
            if nested:  # the transaction goes on, and so would the settings
                cursor.execute("SET LOCAL statement_timeout TO DEFAULT")
                cursor.execute("SET LOCAL application_name TO DEFAULT")
        return
    connection.ensure_connection()
    handle = connection.connection
    end = monotonic() + milliseconds / 1000
    handle.set_progress_handler(lambda: monotonic() > end, _STEPS)
    try:
        yield
    finally:
        handle.set_progress_handler(None, 0)


def stop(name: str) -> int:
    """Stop the queries of that name; return how many there were.

    SQLite knows nothing of what others run: there they end by their time alone.
    """
    if connection.vendor != "postgresql":
        return 0
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT COUNT(*) FILTER (WHERE pg_cancel_backend(pid)) FROM pg_stat_activity "
            "WHERE application_name = %s AND datname = current_database() "
            "AND usename = current_user",
            (name,),
        )
        return int(cursor.fetchone()[0])
