"""Which events a leaf counts: the shared unit of state.

Two leaves that count the same events, whatever their thresholds and windows,
have equal matchers and share one counter by `Matcher.id`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

from personalization.rules.interval import Interval
from personalization.rules.need import ANY
from personalization.rules.reading import Reader
from personalization.rules.scalar import scalar_key
from personalization.rules.sql import TRUE, Scope, Sql, conjunction
from personalization.rules.where import Prop, Where, read_where, where_holds, where_json, where_sql
from personalization.types import Json, Microseconds

#: Where in the properties, and the key of the value that must stand there.
Gate: TypeAlias = tuple[tuple[str, ...], str]


@dataclass(frozen=True)
class Matcher:
    """Events named `event` (`ANY`: all) whose properties satisfy `where`, within `between`.

    `between` is a fixed span of dates: it is part of what is counted. A sliding
    window is not, because the newest timestamps decide every such window.
    """

    event: str
    where: Where | None = None
    between: Interval | None = None

    @cached_property
    def id(self) -> str:
        """SHA-256 over the canonical matcher, shortened to 80 bits."""
        canonical = json.dumps(
            {
                "event": self.event,
                "where": where_json(self.where) if self.where else None,
                "between": [self.between.start, self.between.end] if self.between else None,
            },
            sort_keys=True,
        )
        return hashlib.sha256(canonical.encode()).hexdigest()[:20]

    @property
    def conditions(self) -> int:
        """Return how many conditions on properties it has."""
        return len(list(self.where.leaves())) if self.where is not None else 0

    def hears(self, name: str) -> bool:
        """Return whether events of this name can match at all."""
        return self.event in (name, ANY)

    @cached_property
    def gate(self) -> Gate | None:
        """Return a value that a property must have for an event to match, if there is one."""
        if self.where is None or self.where.combinator != "and" or self.where.negated:
            return None
        for child in self.where.children:
            if isinstance(child, Prop) and child.comparison.operator == "=":
                key = scalar_key(child.comparison.values[0])
                return (child.path, key) if key is not None else None
        return None

    def matches(self, properties: Mapping[str, Json], *, at: Microseconds) -> bool:
        """Return whether an event of this name with `properties` at `at` counts."""
        if self.between is not None and not self.between.contains(at):
            return False
        return self.where is None or where_holds(self.where, properties)

    def sql(self, scope: Scope, *, alias: str) -> Sql:
        parts = [TRUE if self.event == ANY else Sql(f"{alias}.name = %s", (self.event,))]
        if self.between is not None:
            parts.append(Sql(f"{alias}.timestamp >= %s", (scope.timestamp(self.between.start),)))
            assert self.between.end is not None
            parts.append(Sql(f"{alias}.timestamp < %s", (scope.timestamp(self.between.end),)))
        if self.where is not None:
            parts.append(where_sql(self.where, scope, column=f"{alias}.properties"))
        return conjunction(parts)


def read_matcher(reader: Reader) -> Matcher:
    """Return the matcher of the leaf or step at `reader`."""
    where = reader.child("where")
    return Matcher(
        reader.child("event").text(), read_where(where) if where.value is not None else None
    )
