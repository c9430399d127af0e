"""How the values of a column were spread, kept as JSON: what drift is told by, without rows.

Counts between cut points, which are values themselves; so many rows lie between two of them
that none says anything of somebody.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np

from personalization.ml.arrays import Doubles
from personalization.ml.interactions import UnfitData
from personalization.types import JsonObject

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

    def told(self) -> JsonObject:
        return {"cuts": list(self.cuts), "counts": list(self.counts), "missing": self.missing}

    @classmethod
    def read(cls, stored: Mapping[str, Any]) -> Self:
        """Return the reference that was told.

        :raises UnfitData: if it is none.
        """
        try:
            cuts = tuple(float(cut) for cut in stored["cuts"])
            counts = tuple(int(count) for count in stored["counts"])
            missing = int(stored["missing"])
        except (KeyError, OverflowError, TypeError, ValueError) as error:
            raise UnfitData(f"This is no reference of a column: {error!r}.") from error
        if len(counts) != len(cuts) + 1 or list(cuts) != sorted(set(cuts)):
            raise UnfitData(f"{len(cuts)} cut points do not fit {len(counts)} counts.")
        if not np.isfinite(cuts).all() or min(*counts, missing) < 0:
            raise UnfitData("Cut points are finite, and nothing is counted less than 0 times.")
        return cls(cuts=cuts, counts=counts, missing=missing)


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
