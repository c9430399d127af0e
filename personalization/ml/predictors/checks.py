"""What bad input gets, before anything is learned of it: a name and a sentence.

Columns that say nothing are left out, and so are those that say too much: what alone tells
almost everyone who converts apart was, as a rule, only known after they had.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

import numpy as np

from personalization.ml.arrays import Doubles
from personalization.ml.evaluation.probabilities import auc
from personalization.ml.examples import Examples
from personalization.ml.unfit import TooLittleData, UnfitData

#: Converters, and rows of the other kind, that something can be learned of.
LEAST = 200
#: A feature that alone ranks better than this knows what it cannot have known.
LEAKS = 0.98


@dataclass(frozen=True, kw_only=True)
class Checked:
    """The examples with the features that are of use, and sentences about the others."""

    examples: Examples
    remarks: tuple[str, ...]


def checked(
    examples: Examples, *, least: int = LEAST, known_after: Collection[str] = ()
) -> Checked:
    """Return what can be learned of; features that are `known_after` the outcome are refused.

    :raises UnfitData: if there are too few of either kind of rows, or no feature is left.
    """
    enough(examples, least=least)
    reasons = {
        name: reason
        for column, name in enumerate(examples.features)
        if (reason := _reason(examples, column, known_after=known_after))
    }
    remarks = tuple(f"“{name}” was left out: {reason}." for name, reason in reasons.items())
    left = [n for n, name in enumerate(examples.features) if name not in reasons]
    if not left:
        raise UnfitData(" ".join(["No feature is left to learn from.", *remarks]))
    return Checked(examples=_columns(examples, left), remarks=remarks)


def enough(examples: Examples, *, least: int = LEAST) -> None:
    """Check that there are `least` rows of both kinds.

    :raises TooLittleData: saying how many there are.
    """
    others = len(examples) - examples.converters
    for n, kind in ((examples.converters, "converters"), (others, "who do not convert")):
        if n < least:
            raise TooLittleData(f"needs {least} {kind}, has {n}")


def _reason(examples: Examples, column: int, *, known_after: Collection[str]) -> str:
    """Return why a feature is of no use; empty if it is."""
    name, values = examples.features[column], examples.rows[:, column]
    if name in known_after:
        return "it is only known after the outcome"
    missing = np.isnan(values)
    if missing.all():
        return "it is NaN in every row"
    known = values[~missing]
    if not np.isfinite(known).all():
        return "it has infinite values"
    if (known == known[0]).all() and not missing.any():
        return f"it is {known[0]:g} in every row"
    alone = _alone(examples.labels, values, is_category=name in examples.categories)
    if alone > LEAKS:
        return (
            f"alone it ranks converters with an AUC of {alone:.3f}, which only something that is"
            " known after the outcome does"
        )
    return ""


def _alone(labels: Doubles, values: Doubles, *, is_category: bool) -> float:
    """Return how well one feature ranks, whichever way it points; being missing says something
    too."""
    missing = np.isnan(values)
    if is_category:
        values = _shares(labels, np.where(missing, -1.0, values))
        missing = np.zeros(len(values), bool)
    ways = [np.where(missing, fill, values) for fill in (-np.inf, np.inf)] + [missing.astype(float)]
    return max(max(found, 1 - found) for found in (auc(labels, way) for way in ways))


def _shares(labels: Doubles, categories: Doubles) -> Doubles:
    """Return the share of *other* rows of the same category that converted: a category of one
    row knows nothing of it."""
    _, number = np.unique(categories, return_inverse=True)
    n = np.bincount(number)[number]
    others = np.bincount(number, labels)[number] - labels
    overall = labels.mean()
    shares: Doubles = np.where(n > 1, others / np.maximum(n - 1, 1), overall)
    return shares


def _columns(examples: Examples, left: list[int]) -> Examples:
    features = tuple(examples.features[n] for n in left)
    return replace(
        examples,
        rows=examples.rows[:, left],
        features=features,
        categories={
            name: values for name, values in examples.categories.items() if name in features
        },
    )
