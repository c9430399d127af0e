"""Rows of features with what came of them, as columns: what predictors learn from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from personalization.ml.arrays import Doubles, Flags, Indices, Instants
from personalization.ml.unfit import UnfitData
from personalization.types import Microseconds

#: Categories of one feature: what histogram trees can tell apart beside “missing”.
MOST_CATEGORIES = 254


@dataclass(frozen=True, kw_only=True)
class Examples:
    """One row for each (visitor, instant), ordered by (`at`, `visitor`).

    `rows` (n × features) are numbers known at `at`, NaN where something is not known.
    `labels` (n) are 1 where what is predicted happened after `at`, else 0. `visitor` counts
    people in no order that says who they are.
    """

    rows: Doubles
    labels: Doubles
    features: tuple[str, ...]
    at: Instants
    visitor: Indices
    #: Feature → its values; the column of such a feature holds their index.
    categories: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    #: How long after `at` it is known what came of a row.
    horizon: Microseconds = 0

    def __post_init__(self) -> None:
        if self.rows.ndim != 2 or self.rows.shape[1] != len(self.features):
            raise UnfitData(
                f"Rows have the shape {self.rows.shape}; there are {len(self.features)} features."
            )
        lengths = {len(each) for each in (self.rows, self.labels, self.at, self.visitor)}
        if len(lengths) > 1:
            raise UnfitData(f"Columns differ in length: {sorted(lengths)}.")
        if len(self) and not np.isin(self.labels, (0, 1)).all():
            wrong = self.labels[~np.isin(self.labels, (0, 1))][0]
            raise UnfitData(f"A label is {wrong:g}; allowed: 0 and 1.")
        if (np.diff(self.at) < 0).any():
            raise UnfitData("Rows have to be in order of time.")
        for name, values in self.categories.items():
            self._check_category(name, len(values))

    def _check_category(self, name: str, n: int) -> None:
        if name not in self.features:
            raise UnfitData(f"There is no feature “{name}” to have categories.")
        if n > MOST_CATEGORIES:
            raise UnfitData(f"“{name}” has {n} categories; allowed: up to {MOST_CATEGORIES}.")
        column = self.rows[:, self.features.index(name)]
        known = column[~np.isnan(column)]
        if not ((known >= 0) & (known < n) & (known == np.floor(known))).all():
            raise UnfitData(f"“{name}” has values that are no index of its {n} categories.")

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def converters(self) -> int:
        """How many rows what is predicted happened after."""
        return int(self.labels.sum())

    @property
    def categorical(self) -> tuple[int, ...]:
        """Return the columns that hold categories."""
        return tuple(n for n, name in enumerate(self.features) if name in self.categories)

    def where(self, chosen: Flags) -> Examples:
        """Return the rows that are `chosen`."""
        return replace(
            self,
            rows=self.rows[chosen],
            labels=self.labels[chosen],
            at=self.at[chosen],
            visitor=self.visitor[chosen],
        )
