"""How many numbers there were of all time, and what they add up to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from personalization.rules.amount import amount
from personalization.rules.matcher_need import MatcherNeed
from personalization.rules.occurrence import Occurrence
from personalization.rules.where import value_at
from personalization.types import Json, Microseconds


@dataclass(frozen=True, slots=True)
class Totals:
    """`n` numbers with their `total` in millionths; the newest of them happened at `last`."""

    n: int = 0
    total: int = 0
    last: Microseconds | None = None

    def tells_of(self, now: Microseconds) -> bool:
        return self.last is None or self.last <= now


NO_NUMBERS = Totals()


@dataclass(frozen=True)
class TotalsNeed(MatcherNeed[Totals]):
    """The totals of the numbers at `path` of the events of `matcher`."""

    path: tuple[str, ...]

    nothing = NO_NUMBERS

    @property
    def what(self) -> str:
        return f"totals:{'.'.join(self.path)}"

    def take(self, kept: Totals, occurrence: Occurrence) -> Totals:
        value = amount(value_at(self.path, occurrence.properties))
        if value is None:
            return kept
        last = occurrence.at if kept.last is None else max(kept.last, occurrence.at)
        return Totals(kept.n + 1, kept.total + value, last)

    def union(self, other: TotalsNeed) -> TotalsNeed:
        return self

    def unbounded(self) -> TotalsNeed:
        return self

    def dump(self, kept: Totals) -> Json:
        return [kept.n, kept.total, kept.last]

    def load(self, stored: Any) -> Totals:
        return Totals(*stored)
