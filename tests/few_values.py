"""A database that takes statements of few values, as SQLite takes none of more than so many."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection


@contextmanager
def few_values(n: int) -> Iterator[None]:
    """Have SQLite refuse statements of more than `n` values; as it is shipped it takes 32,766 or
    250,000. Other databases take any number."""
    connection.ensure_connection()
    if connection.vendor != "sqlite":
        yield
        return
    database: Any = connection.connection
    before = database.setlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER, n)
    try:
        yield
    finally:
        database.setlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER, before)
