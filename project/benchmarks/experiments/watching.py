"""What somebody sees who looks at an experiment at its end, or every day."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from personalization.experiments.statistics.effects import Estimate
from personalization.experiments.statistics.samples import Sample

S = TypeVar("S", bound=Sample)


@dataclass(frozen=True, kw_only=True)
class Watched:
    """What an interval said of one experiment: at the last look, and at any.

    It is `wrong` without the truth, and has `found` something without 0. `looks` is how many
    there were until it first had, all of them if it never did.
    """

    wrong: bool
    ever_wrong: bool
    found: bool
    ever_found: bool
    looks: int


def watched(
    pairs: Iterable[tuple[S, S]], test: Callable[[S, S], Estimate], *, truth: float = 0.0
) -> Watched:
    """Return what `test` says of samples of both arms, look after look."""
    told = [test(control, treatment) for control, treatment in pairs]
    wrong = [not one.low <= truth <= one.high for one in told]
    found = [not one.low <= 0 <= one.high for one in told]
    return Watched(
        wrong=wrong[-1],
        ever_wrong=any(wrong),
        found=found[-1],
        ever_found=any(found),
        looks=found.index(True) + 1 if any(found) else len(found),
    )
