"""A rule as one SQL predicate over the whole population.

The predicate speaks of the aliases `p` (profile) and `s` (its snapshot) and is
never NULL, so that NOT is the exact complement. Table names and the way a
database wants its timestamps come in as values: this package knows no models.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from personalization.types import Microseconds

Vendor = Literal["sqlite", "postgresql"]
JsonType = Literal["text", "number", "boolean"]


@dataclass(frozen=True, slots=True)
class Sql:
    """A piece of SQL with its parameters in order."""

    text: str
    params: tuple[object, ...] = ()


TRUE = Sql("1 = 1")
FALSE = Sql("1 = 0")


def negation(part: Sql) -> Sql:
    return Sql(f"NOT ({part.text})", part.params)


def conjunction(parts: Iterable[Sql]) -> Sql:
    return _joined(" AND ", list(parts))


def disjunction(parts: Iterable[Sql]) -> Sql:
    return _joined(" OR ", list(parts))


def _joined(word: str, parts: list[Sql]) -> Sql:
    text = word.join(f"({part.text})" for part in parts)
    return Sql(text, tuple(param for part in parts for param in part.params))


@dataclass(frozen=True, kw_only=True)
class Scope:
    """What a predicate is compiled for: a database, its tables and an instant."""

    vendor: Vendor
    now: Microseconds
    tables: Mapping[str, str]  # event, identity, membership, segment
    timestamp: Callable[[Microseconds], str | datetime]

    def json(self, column: str, path: tuple[str, ...]) -> JsonValue:
        return (_SqliteValue if self.vendor == "sqlite" else _PostgresValue)(column, path)


@dataclass(frozen=True)
class JsonValue:
    """One value inside a JSON column; every predicate is false where it is missing."""

    column: str
    path: tuple[str, ...]
    position = ""  # the function that finds one text in another

    def is_set(self) -> Sql:
        raise NotImplementedError

    def compares(self, kind: JsonType, template: str, values: Sequence[object]) -> Sql:
        """Return whether the value is of `kind` and `template` holds for it.

        `template` has `{x}` for the value and a `%s` for each of `values`.
        """
        raise NotImplementedError


class _SqliteValue(JsonValue):
    position = "instr"

    @property
    def _path(self) -> str:
        # SQLite compares keys as they are stored, and Django stores them as ASCII.
        return "$" + "".join(f".{json.dumps(key)}" for key in self.path)

    def is_set(self) -> Sql:
        return Sql(f"COALESCE(json_type({self.column}, %s) <> 'null', 0)", (self._path,))

    def compares(self, kind: JsonType, template: str, values: Sequence[object]) -> Sql:
        types, extract = {
            "text": ("('text')", "json_extract({c}, %s)"),
            "number": ("('integer', 'real')", "CAST(json_extract({c}, %s) AS REAL)"),
            "boolean": ("('true', 'false')", "json_extract({c}, %s)"),
        }[kind]
        text = (
            f"COALESCE(json_type({self.column}, %s) IN {types} AND "
            f"{template.format(x=extract.format(c=self.column))}, 0)"
        )
        return Sql(text, (self._path, self._path, *values))


class _PostgresValue(JsonValue):
    position = "strpos"

    def is_set(self) -> Sql:
        return Sql(
            f"COALESCE(jsonb_typeof({self.column} #> %s::text[]) <> 'null', false)",
            (list(self.path),),
        )

    def compares(self, kind: JsonType, template: str, values: Sequence[object]) -> Sql:
        # CASE, because AND does not promise to skip the cast of a wrong type.
        types, cast, convert = {
            "text": ("string", "text", "{x}"),
            # Cut off far above every value of a rule: one number beyond a double would
            # be an error, and so the end of the whole query.
            "number": (
                "number",
                "double precision",
                "LEAST(GREATEST({x}::numeric, -1e100), 1e100)::double precision",
            ),
            "boolean": ("boolean", "boolean", "{x}::boolean"),
        }[kind]
        extract = convert.format(x=f"({self.column} #>> %s::text[])")
        text = (
            f"COALESCE(CASE WHEN jsonb_typeof({self.column} #> %s::text[]) = '{types}' "
            f"THEN {template.replace('%s', f'%s::{cast}').format(x=extract)} END, false)"
        )
        return Sql(text, (list(self.path), list(self.path), *values))
