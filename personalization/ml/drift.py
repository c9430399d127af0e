"""Whether what a model sees, and says, is still what it was: values in, values out.

What is compared with is a reference (references.py): how the values of a column were spread at an
earlier instant. None is kept: who looks computes it anew from the log as it is now, so that whoever
was erased or takes their consent back is in neither.

Sources: Siddiqi, “Credit Risk Scorecards” (2006), for the population stability index (PSI) and
its limits 0.1 and 0.25; Press et al., “Numerical Recipes” (2007) §14.3.3 for the two-sample
Kolmogorov-Smirnov test (KS); Guo et al., “On Calibration of Modern Neural Networks” (2017) for
the expected calibration error.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from personalization.ml.arrays import Doubles, Indices
from personalization.ml.evaluation.probabilities import expected_calibration_error
from personalization.ml.references import Reference
from personalization.ml.unfit import UnfitData
from personalization.ml.verdicts import LEAST_ROWS, CalibrationDrift, ColumnDrift, Verdict

#: PSI from which on a column has moved, and drifted.
MOVED, DRIFTED = LIMITS = (0.1, 0.25)
#: The same of the calibration error: how much larger it is than it was.
MISCALIBRATED: Final = (0.02, 0.05)
#: Groups that the PSI is summed over.
GROUPS: Final = 10


# -- measures --------------------------------------------------------------------------------


def psi(then: Reference, now: Reference) -> float:
    """Return Σ (q − p) · ln(q / p) over about ten groups of as many rows then, and one more of
    those not known; each count with a half more, so that an empty group is not infinite.

    :raises UnfitData: if the two have other cut points.
    """
    p, q = _shares(then, now)
    return float(((q - p) * np.log(q / p)).sum())


def psi_by_chance(then: Reference, now: Reference) -> float:
    """Return the PSI to be expected of two samples of one population: (groups − 1)(1/n + 1/m).

    Source: Yurdakul and Naranjo, “Statistical properties of the population stability index”
    (Journal of Risk Model Validation 2020).
    """
    if not then.n or not now.n:
        return math.inf
    return (len(_shares(then, now)[0]) - 1) * (1 / then.n + 1 / now.n)


def _shares(then: Reference, now: Reference) -> tuple[Doubles, Doubles]:
    """Return the shares of groups that had about as many rows each, those not known last."""
    _refuse_other_cuts(then, now)
    number = _groups(then)
    counts = np.stack([np.bincount(number, each.counts) for each in (then, now)])
    if then.missing or now.missing:
        counts = np.column_stack([counts, [then.missing, now.missing]])
    shares = (counts + 0.5) / (counts + 0.5).sum(axis=1, keepdims=True)
    return shares[0], shares[1]


def _groups(then: Reference) -> Indices:
    """Return the number of the group of each count: one is full with a tenth of all rows."""
    full = sum(then.counts) / GROUPS
    groups: list[list[int]] = [[]]
    for count in then.counts:
        # A value that fills a group alone does not take its neighbours along.
        if groups[-1] and (sum(groups[-1]) >= full or sum(groups[-1]) + count > 1.5 * full):
            groups.append([])
        groups[-1].append(count)
    if len(groups) > 1 and sum(groups[-1]) < full / 2:
        rest = groups.pop()
        groups[-1] += rest
    numbers = [number for number, group in enumerate(groups) for _ in group]
    return np.array(numbers, np.int32)


@dataclass(frozen=True, kw_only=True)
class Ks:
    """The greatest difference of two cumulative shares, and how likely it is by chance."""

    statistic: float
    chance: float


def ks(one: Doubles, other: Doubles) -> Ks:
    """Return the two-sample test of values (NaN is left out).

    :raises UnfitData: if one of them has no values.
    """
    one, other = np.sort(one[~np.isnan(one)]), np.sort(other[~np.isnan(other)])
    if not len(one) or not len(other):
        raise UnfitData("Two samples are compared; one of them has no values.")
    both = np.concatenate([one, other])
    below = np.searchsorted(one, both, side="right") / len(one)
    below_other = np.searchsorted(other, both, side="right") / len(other)
    return _ks(float(np.abs(below - below_other).max()), len(one), len(other))


def ks_of(then: Reference, now: Reference) -> Ks:
    """Return the test at the cut points alone: the statistic is that or a little less, and
    `chance` is too large rather than too small.

    :raises UnfitData: if one of them has no values, or they have other cut points.
    """
    _refuse_other_cuts(then, now)
    n, m = sum(then.counts), sum(now.counts)
    if not n or not m:
        raise UnfitData("Two samples are compared; one of them has no values.")
    apart = np.abs(np.cumsum(then.counts) / n - np.cumsum(now.counts) / m)
    return _ks(float(apart.max()), n, m)


def _ks(statistic: float, n: int, m: int) -> Ks:
    """Return the statistic with its chance, by the limit for many rows."""
    scaled = statistic * math.sqrt(n * m / (n + m))
    if scaled < 0.2:  # the series below does not settle; the chance is 1 to twelve digits
        return Ks(statistic=statistic, chance=1.0)
    terms = ((-1) ** (k - 1) * math.exp(-2 * (k * scaled) ** 2) for k in range(1, 101))
    return Ks(statistic=statistic, chance=min(1.0, max(0.0, 2 * math.fsum(terms))))


def _refuse_other_cuts(then: Reference, now: Reference) -> None:
    if then.cuts != now.cuts:
        raise UnfitData("References with other cut points cannot be compared.")


# -- what a model sees -----------------------------------------------------------------------


def drifts(then: Mapping[str, Reference], rows: Doubles, names: Sequence[str]) -> list[ColumnDrift]:
    """Return how far each column has moved that has a reference, the furthest first.

    :raises UnfitData: if a column is missing that has a reference.
    """
    _refuse_shape(rows, names)
    if gone := sorted(then.keys() - set(names)):
        raise UnfitData(f"There is no “{gone[0]}” here any more to compare with what it was.")
    found = [drift(name, then[name], rows[:, names.index(name)]) for name in then]
    return sorted(found, key=lambda each: (-each.psi, each.name))


def drift(name: str, then: Reference, values: Doubles) -> ColumnDrift:
    """Return how far `values` are from what they were. PSI as much as is to be expected by chance
    of so many rows is no drift."""
    now = then.counted(values)
    if min(then.n, now.n) < LEAST_ROWS:
        return _too_few(name, min(then.n, now.n))
    moved = psi(then, now)
    both_known = sum(then.counts) and sum(now.counts)
    return ColumnDrift(
        name=name,
        rows=now.n,
        psi=moved,
        ks=ks_of(then, now).statistic if both_known else 0.0,
        verdict=_verdict(moved - psi_by_chance(then, now), LIMITS),
    )


def kinds_drift(name: str, then: Sequence[str], now: Sequence[str]) -> ColumnDrift:
    """Return how far kinds of things, which have no order, are from what they were.

    The ten most frequent of both times are told apart, the rest are one. In place of KS stands the
    largest that any order of them would give: half the sum of all differences.
    """
    n, m = len(then), len(now)
    if min(n, m) < LEAST_ROWS:
        return _too_few(name, min(n, m))
    often = [kind for kind, _ in Counter([*then, *now]).most_common(GROUPS)]
    counts = np.array([_counted(often, kinds) for kinds in (then, now)], np.float64)
    counts = counts[:, counts.sum(axis=0) > 0]
    p, q = (counts + 0.5) / (counts + 0.5).sum(axis=1, keepdims=True)
    moved = float(((q - p) * np.log(q / p)).sum())
    by_chance = (counts.shape[1] - 1) * (1 / n + 1 / m)
    apart = np.abs(counts[0] / n - counts[1] / m).sum() / 2
    return ColumnDrift(
        name=name,
        rows=m,
        psi=moved,
        ks=float(apart),
        verdict=_verdict(moved - by_chance, LIMITS),
    )


def _counted(often: Sequence[str], kinds: Sequence[str]) -> list[int]:
    """Return how often there is each of `often`, and how often another one."""
    found = Counter(kinds)
    counts = [found[kind] for kind in often]
    return [*counts, len(kinds) - sum(counts)]


def _too_few(name: str, rows: int) -> ColumnDrift:
    return ColumnDrift(name=name, rows=rows, psi=0.0, ks=0.0, verdict="unknown")


def _verdict(value: float, limits: tuple[float, float]) -> Verdict:
    moved, drifted = limits
    if value >= drifted:
        return "drifted"
    return "moved" if value >= moved else "steady"


def _refuse_shape(rows: Doubles, names: Sequence[str]) -> None:
    if rows.ndim != 2 or rows.shape[1] != len(names):
        raise UnfitData(f"Rows have the shape {rows.shape}; there are {len(names)} columns.")


# -- whether probabilities are still true ----------------------------------------------------


def calibration_drift(labels: Doubles, scores: Doubles, *, then: float) -> CalibrationDrift:
    """Return whether what was said (`scores`) is further from what happened (`labels`, 0 or 1)
    than when the model was trained (`then`)."""
    n = len(labels)
    if n != len(scores):
        raise UnfitData(f"{n} labels have {len(scores)} scores.")
    now, by_chance = expected_calibration_error(labels, scores), _error_by_chance(scores)
    verdict = _verdict(now - max(then, by_chance), MISCALIBRATED) if n >= LEAST_ROWS else "unknown"
    return CalibrationDrift(rows=n, then=then, now=now, by_chance=by_chance, verdict=verdict)


def _error_by_chance(scores: Doubles, *, bins: int = 10) -> float:
    """Return the error that true probabilities are found to have: in each bin the mean distance
    of a binomial share from its probability, √(2 p (1 − p) / (π n))."""
    if not len(scores):
        return 0.0
    edges = np.unique(np.quantile(scores, np.arange(1, bins) / bins))
    number = np.searchsorted(edges, scores, side="left")
    n = np.bincount(number)
    spread = np.bincount(number, scores * (1 - scores))
    return float(np.sqrt(2 * spread[n > 0] / math.pi).sum() / len(scores))
