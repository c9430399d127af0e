"""Write many rows in one statement.

Past the ORM: for the worker, which writes little else than rows like these, building
its statements takes longer than the database needs to carry them out. All names in the
statements are those of our own tables and columns; values are parameters.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, TypeAlias

from django.db import connections, models, router
from django.db.backends.base.base import BaseDatabaseWrapper

#: Values by column. All rows of a call have the same columns. Mappings and lists are JSON.
Row: TypeAlias = Mapping[str, Any]


def insert(model: type[models.Model], rows: Sequence[Row]) -> None:
    """Create the rows; what they leave out is for the database to fill in."""
    if not rows:
        return
    connection = connections[router.db_for_write(model)]
    table, columns = model._meta.db_table, list(rows[0])
    names = ", ".join(columns)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            with cursor.copy(f"COPY {table} ({names}) FROM STDIN") as copy:
                for row in rows:
                    copy.write_row([_as_text(row[column]) for column in columns])
        else:
            cursor.executemany(
                f"INSERT INTO {table} ({names}) VALUES {_marks(columns)}",  # noqa: S608
                [_prepared(row, columns, connection) for row in rows],
            )


def insert_new(
    model: type[models.Model], rows: Sequence[Row], *, key: Sequence[str]
) -> set[tuple[Any, ...]]:
    """Create those of the rows that are not there; return their keys.

    Where another transaction creates the same row at the same time, this waits for its end.
    """
    if not rows:
        return set()
    connection = connections[router.db_for_write(model)]
    table, columns = model._meta.db_table, list(rows[0])
    names, keys = ", ".join(columns), ", ".join(key)
    if connection.vendor == "postgresql":
        source = f"SELECT {names} FROM json_populate_recordset(NULL::{table}, %s)"  # noqa: S608
        parameters: list[Any] = [_as_json(rows)]
    else:
        source = f"VALUES {', '.join([_marks(columns)] * len(rows))}"
        parameters = [value for row in rows for value in _prepared(row, columns, connection)]
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} ({names}) {source}"  # noqa: S608
            f" ON CONFLICT ({keys}) DO NOTHING RETURNING {keys}",
            parameters,
        )
        return set(cursor.fetchall())


def upsert(model: type[models.Model], rows: Sequence[Row], *, key: Sequence[str]) -> None:
    """Create the rows; where one with the same `key` is, give it these values instead."""
    if not rows:
        return
    columns = list(rows[0])
    changed = ", ".join(f"{name} = excluded.{name}" for name in columns if name not in key)
    conflict = f" ON CONFLICT ({', '.join(key)}) DO UPDATE SET {changed}"
    connection = connections[router.db_for_write(model)]
    table, names = model._meta.db_table, ", ".join(columns)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            # The type of the table tells the types of all columns.
            source = f"SELECT {names} FROM json_populate_recordset(NULL::{table}, %s)"  # noqa: S608
            cursor.execute(f"INSERT INTO {table} ({names}) {source}{conflict}", [_as_json(rows)])
        else:
            cursor.executemany(
                f"INSERT INTO {table} ({names}) VALUES {_marks(columns)}{conflict}",  # noqa: S608
                [_prepared(row, columns, connection) for row in rows],
            )


def update(model: type[models.Model], rows: Sequence[Row], *, key: str) -> None:
    """Give each row that is there the other values; `key` says which it is."""
    if not rows:
        return
    columns = [name for name in rows[0] if name != key]
    connection = connections[router.db_for_write(model)]
    table = model._meta.db_table
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            changed = ", ".join(f"{name} = given.{name}" for name in columns)
            cursor.execute(
                f"UPDATE {table} SET {changed}"  # noqa: S608
                f" FROM json_populate_recordset(NULL::{table}, %s) given"
                f" WHERE {table}.{key} = given.{key}",
                [_as_json(rows)],
            )
        else:
            changed = ", ".join(f"{name} = %s" for name in columns)
            cursor.executemany(
                f"UPDATE {table} SET {changed} WHERE {key} = %s",  # noqa: S608
                [_prepared(row, [*columns, key], connection) for row in rows],
            )


def _marks(columns: Sequence[str]) -> str:
    return f"({', '.join(['%s'] * len(columns))})"


def _prepared(row: Row, columns: Sequence[str], connection: BaseDatabaseWrapper) -> list[Any]:
    return [
        connection.ops.adapt_datetimefield_value(value)
        if isinstance(value, datetime)
        else _as_text(value)
        for value in (row[column] for column in columns)
    ]


def _as_text(value: Any) -> Any:
    """Return JSON as the text that every database takes; anything else as it is."""
    if isinstance(value, dict | list | tuple):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return value


def _as_json(rows: Sequence[Row]) -> str:
    return json.dumps(list(rows), ensure_ascii=False, separators=(",", ":"), default=_instant)


def _instant(value: datetime) -> str:
    return value.isoformat()
