"""A rule as one SQL predicate over the whole population.

The predicate speaks of the aliases `p` (profile) and `s` (its snapshot) and is
never NULL, so that NOT is the exact complement. Table names and the way a
database wants its timestamps come in as values: this package knows no models.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from personalization.rules.automaton import SQL_FUNCTION
from personalization.rules.expression import written
from personalization.rules.patterns import MAX_TEXT, read_pattern
from personalization.types import Json, Microseconds

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
    tables: Mapping[str, str]  # event, identity, membership, segment, snapshot
    timestamp: Callable[[Microseconds], str | datetime]
    #: The time zone of the site, and the one that timestamps are stored in as text.
    zone: str = "UTC"
    stored_zone: str = "UTC"
    #: A pause of this many µs ends a visit.
    visit_gap: Microseconds = 1_800_000_000
    #: The request that all are asked about, as `Facts.context` describes it.
    context: Mapping[str, Json] = field(default_factory=dict)

    def json(self, column: str, path: tuple[str, ...]) -> JsonValue:
        return (_SqliteValue if self.vendor == "sqlite" else _PostgresValue)(column, path)

    def day(self, column: str) -> Sql:
        """Return the calendar day of a timestamp on the site."""
        if self.vendor == "sqlite":  # with a function that Django brings along
            return Sql(
                f"django_datetime_cast_date({column}, %s, %s)", (self.zone, self.stored_zone)
            )
        return Sql(f"({column} AT TIME ZONE %s)::date", (self.zone,))

    def within(self, later: str, earlier: str, duration: Microseconds) -> Sql:
        """Return whether one timestamp is at most `duration` after another."""
        if self.vendor == "sqlite":
            return Sql(f"django_timestamp_diff({later}, {earlier}) <= %s", (duration,))
        return Sql(f"{later} <= {earlier} + %s::interval", (timedelta(microseconds=duration),))


@dataclass(frozen=True)
class JsonValue:
    """One value inside a JSON column; every predicate is false where it is missing."""

    column: str
    path: tuple[str, ...]
    position = ""  # the function that finds one text in another
    ending = ""  # the last {n} characters of a text

    def is_set(self) -> Sql:
        raise NotImplementedError

    def compares(self, kind: JsonType, template: str, values: Sequence[object]) -> Sql:
        """Return whether the value is of `kind` and `template` holds for it.

        `template` has `{x}` for the value and a `%s` for each of `values`.
        """
        raise NotImplementedError

    def matches(self, pattern: str) -> Sql:
        """Return whether the value is a text in which `pattern` is found."""
        raise NotImplementedError

    def extract(self, kind: JsonType) -> Sql:
        """Return the value if it is of `kind`, else NULL."""
        raise NotImplementedError


class _SqliteValue(JsonValue):
    position = "instr"
    ending = "substr({{x}}, -{n})"

    @property
    def _path(self) -> str:
        # SQLite compares keys as they are stored, and Django stores them as ASCII.
        return "$" + "".join(f".{json.dumps(key)}" for key in self.path)

    def is_set(self) -> Sql:
        return Sql(f"COALESCE(json_type({self.column}, %s) <> 'null', 0)", (self._path,))

    def compares(self, kind: JsonType, template: str, values: Sequence[object]) -> Sql:
        types, extract = self._read(kind)
        text = (
            f"COALESCE(json_type({self.column}, %s) IN {types} AND {template.format(x=extract)}, 0)"
        )
        return Sql(text, (self._path, self._path, *values))

    def matches(self, pattern: str) -> Sql:
        return self.compares("text", f"{SQL_FUNCTION}({{x}}, %s)", [pattern])

    def extract(self, kind: JsonType) -> Sql:
        types, extract = self._read(kind)
        text = f"CASE WHEN json_type({self.column}, %s) IN {types} THEN {extract} END"
        return Sql(text, (self._path, self._path))

    def _read(self, kind: JsonType) -> tuple[str, str]:
        """Return the types that SQLite has for `kind`, and the value."""
        value = f"json_extract({self.column}, %s)"
        return {
            "text": ("('text')", value),
            "number": ("('integer', 'real')", f"CAST({value} AS REAL)"),
            "boolean": ("('true', 'false')", value),
        }[kind]


class _PostgresValue(JsonValue):
    position = "strpos"
    ending = "right({{x}}, {n})"

    def is_set(self) -> Sql:
        return Sql(
            f"COALESCE(jsonb_typeof({self.column} #> %s::text[]) <> 'null', false)",
            (list(self.path),),
        )

    def compares(self, kind: JsonType, template: str, values: Sequence[object]) -> Sql:
        # CASE, because AND does not promise to skip the cast of a wrong type.
        types, cast, extract = self._read(kind)
        text = (
            f"COALESCE(CASE WHEN jsonb_typeof({self.column} #> %s::text[]) = '{types}' "
            f"THEN {template.replace('%s', f'%s::{cast}').format(x=extract)} END, false)"
        )
        return Sql(text, (list(self.path), list(self.path), *values))

    def matches(self, pattern: str) -> Sql:
        text = (
            f"(SELECT char_length(it.x) <= {MAX_TEXT} AND it.x ~ it.pattern "
            "FROM (SELECT {x} AS x, %s AS pattern) AS it)"
        )
        return self.compares("text", text, [written(read_pattern(pattern))])

    def extract(self, kind: JsonType) -> Sql:
        types, _, extract = self._read(kind)
        text = f"CASE WHEN jsonb_typeof({self.column} #> %s::text[]) = '{types}' THEN {extract} END"
        return Sql(text, (list(self.path), list(self.path)))

    def _read(self, kind: JsonType) -> tuple[str, str, str]:
        """Return the types that JSON and PostgreSQL have for `kind`, and the value."""
        value = f"({self.column} #>> %s::text[])"
        return {
            "text": ("string", "text", value),
            # Cut off far above every value of a rule: one number beyond a double would
            # be an error, and so the end of the whole query.
            "number": (
                "number",
                "double precision",
                f"LEAST(GREATEST({value}::numeric, -1e100), 1e100)::double precision",
            ),
            "boolean": ("boolean", "boolean", f"{value}::boolean"),
        }[kind]
