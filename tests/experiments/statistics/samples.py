"""Samples of all kinds, as Hypothesis draws them, and as the values of units that they sum."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from personalization.experiments.statistics.adjusted_ratios import AdjustedRatio
from personalization.experiments.statistics.samples import (
    Adjusted,
    Doubles,
    Mean,
    Proportion,
    Ratio,
    Sample,
)

VALUES = st.floats(-1e4, 1e4).map(lambda value: round(value, 3))
COUNTS = st.integers(0, 50).map(float)


def arrays(
    values: st.SearchStrategy[float] = VALUES, *, least: int = 2, most: int = 40
) -> st.SearchStrategy[Doubles]:
    """Draw a value for each of some units."""
    return st.lists(values, min_size=least, max_size=most).map(np.array)


def pairs(*, least: int = 2, most: int = 40) -> st.SearchStrategy[tuple[Doubles, Doubles]]:
    """Draw two values for each of some units."""
    both = st.lists(st.tuples(COUNTS, COUNTS), min_size=least, max_size=most)
    return both.map(lambda drawn: (np.array(drawn)[:, 0], np.array(drawn)[:, 1]))


def proportions(*, least: int = 0, most: int = 500) -> st.SearchStrategy[Proportion]:
    return st.integers(least, most).flatmap(
        lambda n: st.integers(0, n).map(lambda successes: Proportion(n, float(successes)))
    )


def means(*, least: int = 0) -> st.SearchStrategy[Mean]:
    return arrays(least=least).map(Mean.of)


def ratios(*, least: int = 1) -> st.SearchStrategy[Ratio]:
    return pairs(least=least).map(lambda both: Ratio.of(*both))


def adjusted(*, least: int = 1) -> st.SearchStrategy[Adjusted]:
    return st.builds(
        lambda both, theta: Adjusted.of(both[0], both[1], theta),
        pairs(least=least),
        st.floats(-2, 2),
    )


def adjusted_ratios() -> st.SearchStrategy[AdjustedRatio]:
    return st.builds(_adjusted_ratio, st.lists(st.tuples(*[COUNTS] * 4), min_size=1, max_size=30))


def _adjusted_ratio(rows: list[tuple[float, ...]]) -> AdjustedRatio:
    above, below, above_before, below_before = np.array(rows).T
    return AdjustedRatio.of((above, below), (above_before, below_before), 0.5)


def compared() -> st.SearchStrategy[tuple[Sample, Sample]]:
    """Draw two samples of one kind, of any size, with and without anything to say."""
    kinds: list[st.SearchStrategy[Sample]] = [
        means(),
        proportions(),
        ratios(),
        adjusted(),
        adjusted_ratios(),
    ]
    return st.one_of([st.tuples(kind, kind) for kind in kinds])


#: Samples that say little or nothing.
DEGENERATE: dict[str, Sample] = {
    "nobody": Mean(0, 0.0, 0.0),
    "one unit": Mean(1, 3.0, 9.0),
    "all the same": Mean.of([0.1] * 30),
    "all nothing": Mean.of([0.0] * 30),
    "nobody did": Proportion(50, 0.0),
    "everybody did": Proportion(50, 50.0),
    "no one to share": Proportion(0, 0.0),
    "divided by nothing": Ratio.of([1.0, 2.0], [0.0, 0.0]),
    "nothing before": Adjusted.of([1.0, 1.0], [0.0, 0.0], 0.0),
    "taken out whole": Adjusted.of([1.0, 2.0, 3.0], [1.0, 2.0, 3.0], 1.0),
}
