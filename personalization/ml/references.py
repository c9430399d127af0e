"""How the values of a column were spread: what drift is told by.

Counts between cut points, which are values themselves, with a crowd of rows between two of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from personalization.ml.arrays import Doubles
from personalization.ml.unfit import UnfitData

#: Cut points of a column with many values.
_CUTS: Final = 100
#: Between two cut points are about so many rows, at least.
_CROWD: Final = 20


@dataclass(frozen=True, kw_only=True)
class Reference:
    """How values were spread: `counts[i]` are above `cuts[i - 1]` and up to `cuts[i]`, the last
    above all of them; `missing` were not known."""

    cuts: tuple[float, ...]
    counts: tuple[int, ...]
    missing: int

    @property
    def n(self) -> int:
        return sum(self.counts) + self.missing

    def counted(self, values: Doubles) -> Reference:
        """Return how `values` are spread, between the same cut points."""
        known = values[~np.isnan(values)]
        places = np.searchsorted(np.array(self.cuts), known, side="left")
        counts = np.bincount(places, minlength=len(self.cuts) + 1)
        return Reference(
            cuts=self.cuts, counts=tuple(counts.tolist()), missing=len(values) - len(known)
        )


def reference_of(values: Doubles) -> Reference:
    """Return how `values` (NaN: not known) are spread.

    Cut points are values themselves, each with a crowd of others up to the next, so that of
    few rows there are few.

    :raises UnfitData: for values that are infinite.
    """
    if np.isinf(values).any():
        raise UnfitData("A column with infinite values cannot be compared.")
    known = np.sort(values[~np.isnan(values)])
    n = min(_CUTS, len(known) // _CROWD)
    places = (np.arange(1, n) * len(known)) // max(n, 1)
    cuts = np.unique(known[places]) if n > 1 else np.empty(0)
    # Nothing lies above the greatest value: a cut there would only give it away.
    cuts = cuts[cuts < known[-1]] if len(known) else cuts
    empty = Reference(cuts=tuple(cuts.tolist()), counts=(0,) * (len(cuts) + 1), missing=0)
    return empty.counted(values)


def references(rows: Doubles, names: Sequence[str]) -> dict[str, Reference]:
    """Return a reference for each column of `rows` (n × names)."""
    if rows.ndim != 2 or rows.shape[1] != len(names):
        raise UnfitData(f"Rows have the shape {rows.shape}; there are {len(names)} columns.")
    return {name: reference_of(rows[:, place]) for place, name in enumerate(names)}
