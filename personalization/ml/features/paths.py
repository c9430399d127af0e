"""Which paths are worth a feature: those that most people took, so many and no more."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from personalization.ml.features.definitions import MOST_STEPS, path_feature
from personalization.ml.unfit import UnfitData
from personalization.ml.walks import Walk
from personalization.types import Microseconds


def common_paths(
    walks: Iterable[Walk],
    *,
    gap: Microseconds,
    steps: Sequence[int] = (1, 2, 3),
    most: int = 50,
    least: int = 20,
) -> tuple[str, ...]:
    """Return the names of features for up to `most` paths of so many `steps` within a visit that
    `least` people took; those of the most people first, equal ones by name.

    With fewer people a path would tell who they are. `gap` ends a visit (µs).
    """
    if wrong := [n for n in steps if not 1 <= n <= MOST_STEPS]:
        raise UnfitData(f"Paths have 1 to {MOST_STEPS} steps, not {wrong[0]}.")
    people: Counter[str] = Counter()
    for walk in walks:
        people.update(
            {
                path_feature(gram)
                for visit in walk.visits(gap=gap)
                for n in steps
                for gram in zip(*(visit.steps[start:] for start in range(n)), strict=False)
            }
        )
    ordered = sorted(people.items(), key=lambda each: (-each[1], each[0]))
    return tuple(name for name, n in ordered if n >= least)[:most]
