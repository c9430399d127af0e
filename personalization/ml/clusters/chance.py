"""Whether groups are more than what each number makes by itself.

Groups are found in any data, also where nothing goes with anything. So they are looked for once
more in the same rows with every column dealt out anew: each number is spread as it was, and has
nothing to do with the others. Source: the reference data of R. Tibshirani, G. Walther and
T. Hastie, Estimating the number of clusters in a data set via the gap statistic (2001), with the
columns themselves in the place of uniform ones, for what visitors do is never uniform.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.utils.translation import gettext as _

from personalization.ml.arrays import Doubles
from personalization.ml.base import Clusterer, Options
from personalization.ml.clusters.measures import silhouettes
from personalization.ml.clusters.rows import some_of

#: Rows that are looked at: each pair of them is. And how often they are dealt out.
_ROWS, _DEALS = 1500, 5
#: So many times the silhouette of dealt rows, at least, is more than chance.
_MORE = 1.1


@dataclass(frozen=True, kw_only=True)
class Chance:
    """The silhouette of groups, and the mean and the greatest of those found in dealt rows."""

    silhouette: float
    dealt: float
    most_dealt: float

    @property
    def is_more(self) -> bool:
        return self.silhouette > max(_MORE * self.dealt, self.most_dealt)

    def remarks(self) -> tuple[str, ...]:
        """Return, in a sentence, that there is hardly more than chance, if so."""
        if self.is_more:
            return ()
        words = _(
            "These groups are hardly more than chance would make: their silhouette is %(s)s, and "
            "%(dealt)s where each number is dealt out to visitors anew."
        )
        return (words % {"s": f"{self.silhouette:.2f}", "dealt": f"{self.dealt:.2f}"},)


def against_chance(
    make: Callable[[], Clusterer[Any]], rows: Doubles, *, options: Options
) -> Chance:
    """Return how far groups of `rows` (n × features) lie apart, beside those of dealt rows.

    `make` gives what is told how many groups to find: what finds as many as it likes finds many
    in dealt rows, one at each place where crowds of two columns meet.

    :raises UnfitData: if none can be looked for in as many rows as are drawn.
    """
    rng = options.rng()
    sample = some_of(rows, n=_ROWS, rng=rng)
    dealt = [apart(make(), _dealt(sample, rng), options) for _deal in range(_DEALS)]
    return Chance(
        silhouette=apart(make(), sample, options),
        dealt=sum(dealt) / len(dealt),
        most_dealt=max(dealt),
    )


def apart(clusterer: Clusterer[Any], rows: Doubles, options: Options) -> float:
    """Return the mean silhouette of the groups that are found in `rows`, of those who are in
    one; 0 where fewer than two are found."""
    numbers = clusterer.fit(rows, options).score(rows)
    inside = numbers >= 0
    found, of = np.unique(numbers[inside], return_inverse=True)
    if len(found) < 2:
        return 0.0
    return float(silhouettes(rows[inside], of.astype(np.int32)).mean())


def _dealt(rows: Doubles, rng: np.random.Generator) -> Doubles:
    return np.column_stack([rng.permutation(column) for column in rows.T])
