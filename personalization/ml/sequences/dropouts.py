"""Where visits end before a goal, beside how those go on that reach it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import ClassVar

from personalization.ml.base import Config
from personalization.ml.unfit import TooLittleData
from personalization.ml.walks import Walk

#: How many ways on are told.
_WAYS = 3


@dataclass(frozen=True, kw_only=True)
class DropOutConfig(Config):
    bounds: ClassVar = {"visits": (1, 1_000_000), "reached": (1, 1_000_000), "chance": (0, 1)}

    #: Visits that came by, and that reached the goal, at least.
    visits: int = 30
    reached: int = 20
    #: How likely so many ends there may be by chance, all steps together.
    chance: float = 0.05


@dataclass(frozen=True, kw_only=True)
class DropOut:
    """A step at which more visits end than elsewhere.

    Of `visits` that came by it, `reached` came to the goal after it and `ended` ended with it;
    `usual` is the share of visits that end at a step, all steps together.
    """

    step: str
    visits: int
    reached: int
    ended: int
    usual: float
    chance: float
    #: Where those went next who reached the goal, with their shares, the most usual first.
    ways: tuple[tuple[str, float], ...]

    @property
    def share(self) -> float:
        """Share of the visits that came by which ended here."""
        return self.ended / self.visits

    @property
    def lost(self) -> float:
        """How many visits more than usual end here."""
        return self.ended - self.usual * self.visits


@dataclass
class _Counts:
    visits: Counter[str]
    reached: Counter[str]
    ended: Counter[str]
    ways: Mapping[str, Counter[str]]
    of_goal: int = 0


def dropouts(
    visits: Iterable[Walk], *, goal: str, config: DropOutConfig | None = None
) -> list[DropOut]:
    """Return the steps where more visits end than usual, those that lose the most first.

    A visit that reaches the goal counts until then, and has ended nowhere.

    :raises TooLittleData: if too few visits reach the goal.
    """
    config = config or DropOutConfig()
    counts = _count(visits, goal)
    if counts.of_goal < config.reached:
        raise TooLittleData(
            f"Needs {config.reached} visits that reach “{goal}”, there are {counts.of_goal}."
        )
    came = counts.visits.total()
    usual = counts.ended.total() / came if came else 0.0
    judged = [step for step, n in sorted(counts.visits.items()) if n >= config.visits]
    found = [
        DropOut(
            step=step,
            visits=counts.visits[step],
            reached=counts.reached[step],
            ended=counts.ended[step],
            usual=usual,
            chance=min(
                1.0, len(judged) * _by_chance(counts.ended[step], counts.visits[step], usual)
            ),
            ways=_shares(counts.ways.get(step, Counter())),
        )
        for step in judged
    ]
    more = [each for each in found if each.lost > 0 and each.chance <= config.chance]
    return sorted(more, key=lambda each: (-each.lost, each.step))


def _count(visits: Iterable[Walk], goal: str) -> _Counts:
    ways: dict[str, Counter[str]] = {}
    counts = _Counts(Counter(), Counter(), Counter(), ways)
    for visit in visits:
        before = visit.before(goal).steps
        has_reached = len(before) < len(visit)
        counts.of_goal += has_reached
        came_by = set(before)
        counts.visits.update(came_by)
        if has_reached:
            counts.reached.update(came_by)
            # From the last time there: what led on.
            for n, step in enumerate(before):
                if step not in before[n + 1 :]:
                    ways.setdefault(step, Counter())[visit.steps[n + 1]] += 1
        elif before:
            counts.ended[before[-1]] += 1
    return counts


def _shares(ways: Counter[str]) -> tuple[tuple[str, float], ...]:
    ordered = sorted(ways.items(), key=lambda each: (-each[1], each[0]))[:_WAYS]
    return tuple((step, n / ways.total()) for step, n in ordered)


def _by_chance(ended: int, visits: int, usual: float) -> float:
    """Return how likely so many ends or more are if each visit ends here as usual (one-sided
    normal test of a proportion, with the correction for whole numbers)."""
    spread = math.sqrt(visits * usual * (1 - usual))
    if not spread:
        return 1.0
    return math.erfc((ended - 0.5 - visits * usual) / spread / math.sqrt(2)) / 2
