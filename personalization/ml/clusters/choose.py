"""How many groups there are: as many as come out again, and lie apart.

Silhouettes alone nearly always say two or three. So numbers of groups are taken for possible
whose groups come out again on rows drawn anew (mean adjusted Rand index of 0.9 or more), and
where none of them is too small to be worth one; of those that lie almost as well apart as the
best of them, the largest is chosen.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.utils.translation import gettext as _

from personalization.ml.arrays import Doubles
from personalization.ml.base import Clusterer, Config, Options
from personalization.ml.clusters.measures import davies_bouldin, elbow, scatter, silhouettes
from personalization.ml.clusters.rows import some_of
from personalization.ml.clusters.stability import stability_against
from personalization.ml.unfit import UnfitData

#: Rows that silhouettes are taken of: each pair of them is looked at.
_PAIRED = 2000
#: Below it, a row lies about as near to another cluster as to its own.
APART = 0.1


@dataclass(frozen=True, kw_only=True)
class ChoiceConfig(Config):
    bounds = {
        "least": (2, 50), "most": (2, 50), "rounds": (2, 200), "stable": (0, 1),
        "nearly": (0, 1), "smallest": (0, 0.5), "sample": (50, 100_000),
    }  # fmt: skip

    #: Numbers of clusters that are tried, from and to.
    least: int = 2
    most: int = 8
    #: Trainings on rows drawn anew, for each.
    rounds: int = 10
    #: Agreement from which groups come out again.
    stable: float = 0.9
    #: Share of the best silhouette that is almost as good.
    nearly: float = 0.9
    #: Share of the rows below which a cluster is too small to be worth one.
    smallest: float = 0.05
    #: Rows it is decided on, at most.
    sample: int = 5000


@dataclass(frozen=True, kw_only=True)
class Tried:
    """How a number of clusters did."""

    k: int
    #: Mean and least adjusted Rand index over the trainings on rows drawn anew.
    agreement: float
    least_agreement: float
    #: Mean over rows, and over those of the cluster that lies apart worst.
    silhouette: float
    worst_silhouette: float
    davies_bouldin: float
    #: Sum of squared distances to the means.
    scatter: float
    #: Share of the rows in the smallest cluster.
    smallest: float


@dataclass(frozen=True, kw_only=True)
class Choice:
    """The number of clusters that was chosen, and how all that were tried did."""

    k: int
    tried: tuple[Tried, ...]
    #: Whether the groups of the chosen number come out again.
    is_stable: bool
    #: The number that the elbow of the scatter would have.
    elbow: int

    @property
    def chosen(self) -> Tried:
        return self.of(self.k)

    def of(self, k: int) -> Tried:
        return next(each for each in self.tried if each.k == k)


def choose(
    make: Callable[[int], Clusterer[Any]],
    rows: Doubles,
    *,
    config: ChoiceConfig,
    options: Options,
    before: int = 0,
) -> Choice:
    """Return how many clusters there are in `rows` (n × features, of one scale).

    `make` returns a clusterer for so many. Where no number is stable, it is the one that is
    most so, and the choice says that it is not. As many as there were `before` (0: nobody
    knows) are chosen if they are as good as others, so that groups do not come and go.

    :raises UnfitData: if there are too few rows to tell.
    """
    if config.most < config.least:
        raise UnfitData(f"From {config.least} to {config.most} clusters there is none to try.")
    sample = some_of(rows, n=config.sample, rng=options.rng())
    tried = []
    ks = range(config.least, config.most + 1)
    for place, k in enumerate(ks):
        options.progress(place / len(ks), _("tries %(k)s groups") % {"k": k})
        tried.append(_trial(make, sample, k, config=config, options=options))
    return Choice(
        k=chosen_of(tried, config=config, before=before),
        tried=tuple(tried),
        is_stable=any(each.agreement >= config.stable for each in tried),
        elbow=elbow(list(ks), [each.scatter for each in tried]),
    )


def _trial(
    make: Callable[[int], Clusterer[Any]],
    rows: Doubles,
    k: int,
    *,
    config: ChoiceConfig,
    options: Options,
) -> Tried:
    numbers = make(k).fit(rows, options).score(rows)
    stability = stability_against(
        numbers, lambda: make(k), rows, rounds=config.rounds, options=options
    )
    smallest = float(np.bincount(numbers, minlength=k).min() / len(rows))
    # Of a mixture, nobody may be in some: those left are numbered without holes.
    numbers = np.unique(numbers, return_inverse=True)[1].astype(np.int32)
    paired = np.sort(options.rng().permutation(len(rows))[:_PAIRED])
    found, of = silhouettes(rows[paired], numbers[paired]), numbers[paired]
    return Tried(
        k=k,
        agreement=stability.mean,
        least_agreement=stability.least,
        silhouette=float(found.mean()),
        worst_silhouette=min(float(found[of == number].mean()) for number in np.unique(of)),
        davies_bouldin=davies_bouldin(rows, numbers),
        scatter=scatter(rows, numbers),
        smallest=smallest,
    )


def chosen_of(tried: Sequence[Tried], *, config: ChoiceConfig, before: int = 0) -> int:
    """Return the chosen number of those that were `tried`; that of `before` if it may be."""
    stable = [each for each in tried if each.agreement >= config.stable]
    if not stable:
        return max(tried, key=lambda each: each.agreement).k
    # Where each of them has a small group, that is no reason to prefer one.
    stable = [each for each in stable if each.smallest >= config.smallest] or stable
    best = max(each.silhouette for each in stable)
    # What is below 0 lies apart nowhere: of that, a share says nothing.
    enough = config.nearly * best if best > 0 else best
    good = [each.k for each in stable if each.silhouette >= enough]
    return before if before in good else max(good)


def remarks_on(choice: Choice, *, k: int, config: ChoiceConfig) -> tuple[str, ...]:
    """Return, in sentences, what speaks against `k` clusters where `choice` was found."""
    found = choice.of(k)
    said = []
    if not choice.is_stable:
        said.append(
            _("No number of groups comes out again: at %(k)s two trainings agree in %(a)s.")
            % {"k": choice.k, "a": f"{choice.chosen.agreement:.2f}"}
        )
    elif k > choice.k:
        said.append(
            _(
                "Too many groups: of %(k)s, two trainings agree in %(a)s and the silhouette is "
                "%(s)s; %(best)s groups have %(best_a)s and %(best_s)s."
            )
            % {
                "k": k, "a": f"{found.agreement:.2f}", "s": f"{found.silhouette:.2f}",
                "best": choice.k, "best_a": f"{choice.chosen.agreement:.2f}",
                "best_s": f"{choice.chosen.silhouette:.2f}",
            }
        )  # fmt: skip
    if found.worst_silhouette < APART:
        said.append(
            _("A group is hardly apart from its neighbour: its silhouette is %(s)s.")
            % {"s": f"{found.worst_silhouette:.2f}"}
        )
    if found.smallest < config.smallest:
        said.append(
            _("The smallest group has %(share)s of the visitors, less than %(least)s.")
            % {"share": f"{found.smallest:.1%}", "least": f"{config.smallest:.1%}"}
        )
    return tuple(said)
