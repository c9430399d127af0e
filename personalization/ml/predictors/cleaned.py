"""Rows that predictors learn of, cleaned by the steps that a site wants (features/clean.py).

Numbers alone are cleaned: a category is an index, and no quantity. A column that says nothing in
the rows of a training (an early one may know of no order yet) is left as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from personalization.ml.arrays import Doubles
from personalization.ml.examples import Examples
from personalization.ml.features.clean import Cleaning, usable
from personalization.types import JsonObject


def cleaned(examples: Examples, steps: Sequence[JsonObject]) -> tuple[Examples, Cleaning]:
    """Return the examples as the steps leave them, fewer perhaps, and the steps with what they
    have learned of them.

    :raises UnfitData: if a step speaks of a feature that there is not, or leaves out every row.
    """
    numbers = [n for n, name in enumerate(examples.features) if name not in examples.categories]
    names = [examples.features[n] for n in numbers]
    columns = [numbers[n] for n in usable(examples.rows[:, numbers], names)]
    if not steps or not columns:
        return examples, Cleaning([])
    known = tuple(examples.features[n] for n in columns)
    cleaning = Cleaning.read(steps).without(set(examples.features) - set(known))
    done = cleaning.fit(examples.rows[:, columns], features=known)
    kept = examples.where(done.kept)
    return replace(kept, rows=_put(kept.rows, columns, done.rows)), cleaning


def applied(cleaning: Cleaning, rows: Doubles, features: Sequence[str]) -> Doubles:
    """Return `rows` (n × features) as the model knows them; none is left out."""
    columns = [features.index(name) for name in cleaning.features]
    if not columns:
        return rows
    return _put(rows, columns, cleaning.apply(rows[:, columns]))


def _put(rows: Doubles, columns: Sequence[int], values: Doubles) -> Doubles:
    changed = rows.astype(np.float64)  # a copy
    changed[:, columns] = values
    return changed
