"""Whether groups that were found without a number are too many: what joining the nearest does.

Of what is told how many groups to find, several numbers are tried (choose.py). What finds as many
as it likes may part one place into many; so its groups are joined, the two nearest at a time, as
Ward's tree would, and what is left lies better apart if they were too many.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from django.utils.translation import gettext as _

from personalization.ml.arrays import Doubles, Indices
from personalization.ml.base import Options
from personalization.ml.clusters.centres import means
from personalization.ml.clusters.choose import APART, ChoiceConfig
from personalization.ml.clusters.measures import silhouettes

#: Rows that silhouettes are taken of, and numbers of groups below those that were found.
_ROWS, _MOST = 1500, 60
#: Share of the visitors in no group that is worth a word.
_OUTSIDE = 0.5


@dataclass(frozen=True, kw_only=True)
class Joined:
    """Silhouettes of `k` groups as they were found, and of the number `best` that lies apart best
    of those that joining leaves; `smallest` is the share of all rows in the smallest group, and
    `outside` that of those in none."""

    k: int
    silhouette: float
    worst_silhouette: float
    smallest: float
    outside: float
    best: int
    best_silhouette: float

    def remarks(self, config: ChoiceConfig) -> tuple[str, ...]:
        """Return, in sentences, what speaks against so many groups."""
        said = []
        if self.silhouette < config.nearly * self.best_silhouette:
            said.append(
                _(
                    "Too many groups: the silhouette of %(k)s is %(s)s; with those that are "
                    "nearest joined, %(best)s groups have %(best_s)s."
                )
                % {
                    "k": self.k, "s": f"{self.silhouette:.2f}", "best": self.best,
                    "best_s": f"{self.best_silhouette:.2f}",
                }
            )  # fmt: skip
        if self.worst_silhouette < APART:
            said.append(
                _("A group is hardly apart from its neighbour: its silhouette is %(s)s.")
                % {"s": f"{self.worst_silhouette:.2f}"}
            )
        if self.smallest < config.smallest:
            said.append(
                _("The smallest group has %(share)s of the visitors, less than %(least)s.")
                % {"share": f"{self.smallest:.1%}", "least": f"{config.smallest:.1%}"}
            )
        if self.outside > _OUTSIDE:
            said.append(
                _("%(share)s of the visitors are in no group.") % {"share": f"{self.outside:.1%}"}
            )
        return tuple(said)


def joined(rows: Doubles, numbers: Indices, *, options: Options) -> Joined | None:
    """Return what joining does to the groups `numbers` (n; -1: none) of `rows` (n × features);
    None: there are fewer than two."""
    inside = numbers >= 0
    found, sizes = np.unique(numbers[inside], return_counts=True)
    if len(found) < 2:
        return None
    smallest = float(sizes.min() / len(rows))
    drawn = np.sort(options.rng().permutation(np.flatnonzero(inside))[:_ROWS])
    rows, of = rows[drawn], _numbered(numbers[drawn])
    each, tried = silhouettes(rows, of), dict[int, float]()
    worst = min(float(each[of == n].mean()) for n in np.unique(of))
    tried[len(found)] = float(each.mean())
    for k in range(int(of.max()), 1, -1):
        of = _without_nearest(rows, of)
        if k <= _MOST:
            tried[k] = float(silhouettes(rows, of).mean())
    best = max(tried, key=lambda k: (tried[k], -k))
    return Joined(
        k=len(found),
        silhouette=tried[len(found)],
        worst_silhouette=worst,
        smallest=smallest,
        outside=1 - float(inside.mean()),
        best=best,
        best_silhouette=tried[best],
    )


def _numbered(of: Indices) -> Indices:
    """Return the groups numbered without holes."""
    return np.unique(of, return_inverse=True)[1].astype(np.int32)


def _without_nearest(rows: Doubles, of: Indices) -> Indices:
    """Return the groups with two of them joined: those whose joining adds least to the sum of
    squared distances to the means (Ward 1963)."""
    k = int(of.max()) + 1
    centres, sizes = means(rows, of, k=k)
    squares = ((centres[:, None] - centres) ** 2).sum(axis=2)
    cost = squares * sizes[:, None] * sizes / (sizes[:, None] + sizes)
    np.fill_diagonal(cost, np.inf)
    one, other = np.unravel_index(int(cost.argmin()), cost.shape)
    into = np.arange(k, dtype=np.int32)
    into[max(one, other)] = min(one, other)
    return _numbered(into[of])
