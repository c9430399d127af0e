"""What rows of features have to be before groups are looked for in them."""

from __future__ import annotations

import numpy as np

from personalization.ml.arrays import Doubles
from personalization.ml.unfit import TooLittleData, UnfitData
from personalization.types import JsonObject

#: What is larger, either way, cannot be squared and added up any more: it counts as no number.
LARGEST = 1e100


def usable(rows: Doubles, *, features: tuple[str, ...], least: int) -> Doubles:
    """Return `rows` (n × features) as doubles, if groups can be looked for in them.

    A feature may have one value only: of rows drawn anew that can happen to every rare one.

    :raises UnfitData: if there are fewer than `least` different rows, or a feature has holes
        or values beyond `LARGEST`; it is named.
    """
    rows = shaped(rows, features=features)
    for column in range(rows.shape[1]):
        values = rows[:, column]
        if not np.isfinite(values).all():
            n = int((~np.isfinite(values)).sum())
            raise UnfitData(f"“{_name(features, column)}” is no number in {n} of {len(rows)} rows.")
        if n := int((np.abs(values) > LARGEST).sum()):
            raise UnfitData(
                f"“{_name(features, column)}” is beyond {LARGEST:g} in {n} of {len(rows)} rows."
            )
    if (n := len(np.unique(rows, axis=0))) < least:
        raise TooLittleData(f"{least} rows that differ are needed; there are {n}.")
    return rows


def shaped(rows: Doubles, *, features: tuple[str, ...]) -> Doubles:
    """Return `rows` as doubles.

    :raises UnfitData: if they have other columns than `features`, where these are named.
    """
    rows = np.ascontiguousarray(rows, np.float64)
    if rows.ndim != 2 or not rows.shape[1]:
        raise UnfitData(f"Rows of features have two dimensions; these have {rows.shape}.")
    if features and rows.shape[1] != len(features):
        raise UnfitData(f"Rows have {rows.shape[1]} columns for {len(features)} features.")
    return rows


def known(rows: Doubles, *, features: tuple[str, ...]) -> Doubles:
    """Return `rows` as doubles, NaN for what nobody can reckon with: infinite, or too large.

    :raises UnfitData: if they have other columns than `features`, where these are named.
    """
    rows = shaped(rows, features=features)
    return np.where(np.abs(rows) <= LARGEST, rows, np.nan)


def _name(features: tuple[str, ...], column: int) -> str:
    return features[column] if features else f"column {column + 1}"


def some_of(rows: Doubles, *, n: int, rng: np.random.Generator) -> Doubles:
    """Return `n` of the rows, chosen at random, in their order; all where there are no more."""
    if len(rows) <= n:
        return rows
    return rows[np.sort(rng.choice(len(rows), n, replace=False))]


def names_of(facts: JsonObject) -> tuple[str, ...]:
    """Return the names of the features, as the facts of a model keep them."""
    names = facts["features"]
    if not isinstance(names, list):
        raise TypeError(f"features are a list, not {names!r}")
    return tuple(map(str, names))
