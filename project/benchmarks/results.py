"""What a benchmark is and what it returns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from personalization.registry import Registry


@dataclass(frozen=True, kw_only=True)
class Effort:
    """How long to measure: about `seconds` in all, in `rounds` that take turns.

    `stored` is how many events the database grows to where that is what is looked at,
    `departures` how many memberships end, and `profiles` how many are evaluated at once.
    `peer` says whether what has to be fetched from elsewhere is compared with. `only` names
    the parts to measure, where a benchmark has some; none at all: every one.
    """

    seconds: float = 10.0
    rounds: int = 10
    stored: int = 1_000_000
    departures: int = 5_000
    profiles: int = 5_000
    peer: bool = True
    only: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Result:
    """One figure. `floor` says what it was measured against in the same run, and
    `ratio` is the figure over that; None where there is nothing to compare with."""

    name: str
    value: float
    unit: str
    floor: str | None = None
    ratio: float | None = None

    def beside(self) -> str:
        """Return what a table says beside the figure."""
        return self.floor or ""


Benchmark: TypeAlias = Callable[[Effort], Sequence[Result]]

benchmarks: Registry[Benchmark] = Registry("benchmark")
