"""Events that enter a window and leave it again, and what is measured of those inside.

Between two such instants nothing changes. So the first at which the answer turns is
found by letting them pass one after the other.
"""

from __future__ import annotations

from collections import Counter as Multiset
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import groupby
from typing import NamedTuple, Protocol

from personalization.rules.amount import amount
from personalization.rules.state import Answer
from personalization.rules.threshold import Threshold
from personalization.rules.values import Value
from personalization.types import Microseconds


class Presence(NamedTuple):
    """An event is inside of the window from `enters` on, until it `leaves` (None: for good)."""

    enters: Microseconds
    leaves: Microseconds | None
    value: Value


class Tally(Protocol):
    """What is measured of the events inside."""

    def change(self, value: Value, by: int) -> None:
        """Let an event in (`by` is 1) or out (−1)."""

    def holds(self) -> bool: ...


@dataclass
class CountTally:
    """How many there are."""

    threshold: Threshold
    n: int = 0

    def change(self, value: Value, by: int) -> None:
        self.n += by

    def holds(self) -> bool:
        return self.threshold.holds(self.n)


@dataclass
class DistinctTally:
    """How many different ones there are."""

    threshold: Threshold
    seen: Multiset[Value] = field(default_factory=Multiset)
    n: int = 0

    def change(self, value: Value, by: int) -> None:
        before = self.seen[value]
        self.seen[value] = before + by
        self.n += (before + by > 0) - (before > 0)

    def holds(self) -> bool:
        return self.threshold.holds(self.n)


@dataclass
class SumTally:
    """What they add up to, in millionths."""

    threshold: Threshold
    total: int = 0

    def change(self, value: Value, by: int) -> None:
        assert isinstance(value, int)
        self.total += by * value

    def holds(self) -> bool:
        return sum_holds(self.threshold, self.total)


@dataclass
class AverageTally:
    """What they are on average; nothing has no average."""

    threshold: Threshold
    n: int = 0
    total: int = 0

    def change(self, value: Value, by: int) -> None:
        assert isinstance(value, int)
        self.n += by
        self.total += by * value

    def holds(self) -> bool:
        return average_holds(self.threshold, n=self.n, total=self.total)


def in_millionths(threshold: Threshold) -> Threshold:
    value = amount(threshold.value)
    assert value is not None
    return Threshold(threshold.operator, value)


def sum_holds(threshold: Threshold, total: int) -> bool:
    """Return whether a sum of `total` millionths passes."""
    return in_millionths(threshold).holds(total)


def average_holds(threshold: Threshold, *, n: int, total: int) -> bool:
    """Return whether the average of `n` numbers with a sum of `total` millionths passes."""
    if n == 0:
        return threshold.operator == "!="
    return in_millionths(threshold).times(n).holds(total)


def swept(presences: Iterable[Presence], tally: Tally, *, now: Microseconds) -> Answer:
    """Return the answer of `tally` about the events inside at `now`, and when it turns."""
    moves: list[tuple[Microseconds, int, Value]] = []
    for enters, leaves, value in presences:
        if leaves is not None and leaves <= max(now, enters):
            continue
        if enters <= now:
            tally.change(value, 1)
        else:
            moves.append((enters, 1, value))
        if leaves is not None:
            moves.append((leaves, -1, value))
    holds = tally.holds()
    moves.sort(key=lambda move: move[0])
    for at, together in groupby(moves, key=lambda move: move[0]):
        for _, by, value in together:
            tally.change(value, by)
        if tally.holds() is not holds:
            return Answer(holds, at)
    return Answer(holds)
