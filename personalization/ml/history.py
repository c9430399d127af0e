"""What one visitor did with items until now: what a recommender is asked about."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from personalization.types import Microseconds


@dataclass(frozen=True, kw_only=True)
class Step:
    """One thing done with one item."""

    item: str
    at: Microseconds
    kind: str = ""
    #: Whether it belongs to the visit that goes on now.
    in_visit: bool = True


@dataclass(frozen=True, kw_only=True)
class History:
    """Steps, the oldest first, at an instant; and what was bought, however long before them."""

    steps: tuple[Step, ...] = ()
    now: Microseconds = 0
    bought: frozenset[str] = frozenset()

    @cached_property
    def items(self) -> tuple[str, ...]:
        return tuple([step.item for step in self.steps])

    @property
    def visit(self) -> tuple[str, ...]:
        """The items of the visit that goes on, the oldest first; with repetitions."""
        return tuple(step.item for step in self.steps if step.in_visit)


def history_of(*items: str, now: Microseconds = 0) -> History:
    """Return a history of one visit, all of it just now."""
    return History(steps=tuple(Step(item=item, at=now) for item in items), now=now)
