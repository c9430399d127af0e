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

from personalization.rules.sql import Scope, Sql, conjunction
from personalization.rules.state import Interval
from personalization.rules.where import Where, where_holds, where_json, where_sql
from personalization.types import Json, Microseconds


@dataclass(frozen=True)
class Matcher:
    """Events named `event` whose properties satisfy `where`, within `between`.

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

    def matches(self, properties: Mapping[str, Json], *, at: Microseconds) -> bool:
        """Return whether an event of this name with `properties` at `at` counts."""
        if self.between is not None and not self.between.contains(at):
            return False
        return self.where is None or where_holds(self.where, properties)

    def sql(self, scope: Scope, *, alias: str) -> Sql:
        parts = [Sql(f"{alias}.name = %s", (self.event,))]
        if self.between is not None:
            parts.append(Sql(f"{alias}.timestamp >= %s", (scope.timestamp(self.between.start),)))
            assert self.between.end is not None
            parts.append(Sql(f"{alias}.timestamp < %s", (scope.timestamp(self.between.end),)))
        if self.where is not None:
            parts.append(where_sql(self.where, scope, column=f"{alias}.properties"))
        return conjunction(parts)


@dataclass(frozen=True)
class CounterNeed:
    """A counter that must keep the `size` newest timestamps of `matcher`."""

    matcher: Matcher
    size: int
