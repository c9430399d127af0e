"""From probabilities to decisions: which thresholds there are, and which one costs least.

A training keeps with its version what thresholds meant on the latest rows; pages choose among
them. Nothing here computes with numpy.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

#: Shares of people, in percent, that may be chosen.
PERCENTS: Final = (1, 2, 5, 10, 15, 20, 30, 40, 50, 70)
#: What the figures of thresholds begin with among those of a version.
PREFIX: Final = "decision."
_NAMES: Final = ("threshold", "share", "precision", "recall")


@dataclass(frozen=True, kw_only=True)
class Step:
    """Choosing who scores `threshold` or more: that `share` of all; how many of them convert
    (`precision`), and how many of those who convert they are (`recall`)."""

    threshold: float
    share: float
    precision: float
    recall: float

    def cost(self, *, base_rate: float, in_vain: float, missed: float) -> float:
        """Return what its mistakes cost for each of all people, with `in_vain` for each who is
        chosen and does not convert, and `missed` for each who converts and is not."""
        return in_vain * self.share * (1 - self.precision) + missed * base_rate * (1 - self.recall)


def figures_of(steps: Mapping[int, Step]) -> dict[str, float]:
    """Return the steps by percent as figures of a version."""
    return {
        f"{PREFIX}{percent:02d}.{name}": getattr(step, name)
        for percent, step in steps.items()
        for name in _NAMES
    }


def decisions_of(metrics: Mapping[str, float]) -> Sequence[Step]:
    """Return the thresholds that a version has figures of, the highest first, each once."""
    found: dict[float, Step] = {}
    for percent in PERCENTS:
        keys = {name: f"{PREFIX}{percent:02d}.{name}" for name in _NAMES}
        if all(key in metrics for key in keys.values()):
            step = Step(**{name: metrics[key] for name, key in keys.items()})
            found.setdefault(step.threshold, step)
    return sorted(found.values(), key=lambda step: -step.threshold)


def cheapest(
    steps: Sequence[Step], *, base_rate: float, in_vain: float, missed: float
) -> Step | None:
    """Return the threshold whose mistakes cost least; None where choosing nobody is cheaper.

    Of equally cheap ones it is the highest, which chooses fewest.
    """
    best, least = None, missed * base_rate
    for step in steps:
        cost = step.cost(base_rate=base_rate, in_vain=in_vain, missed=missed)
        if cost < least:
            best, least = step, cost
    return best


def without_decisions(metrics: Mapping[str, float]) -> dict[str, float]:
    """Return the other figures."""
    return {name: value for name, value in metrics.items() if not name.startswith(PREFIX)}
