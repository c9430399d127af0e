"""Whether a recommender is still asked about visitors like those it learned from.

Of everybody who did something with an item in a week, one thing is drawn: what it was done with,
how, and after which history. Of visits of one person many rows would say the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from personalization.clock import microseconds, span
from personalization.ml.arrays import Doubles, Indices
from personalization.ml.base import Options, Recommender
from personalization.ml.drift import drift, kinds_drift
from personalization.ml.evaluation.splits import REMEMBERED
from personalization.ml.history import History, Step
from personalization.ml.interactions import Interactions
from personalization.ml.models import Item, ModelVersion
from personalization.ml.references import reference_of
from personalization.ml.training.drifting_features import MOST, long_ago
from personalization.ml.training.log import interactions
from personalization.ml.training.watched import SCORE, Slow
from personalization.ml.unfit import UnfitData
from personalization.ml.verdicts import ColumnDrift
from personalization.types import Microseconds

#: What was done in so long a time is looked at: whole weeks, as weekends are not like other days.
WEEK = timedelta(days=7)
#: A history has what was done in so long a time before that.
BEFORE = timedelta(days=28)
#: An item is new for so long after it was first seen.
NEW = timedelta(days=7)
#: Histories that are scored, and items that a list has.
SCORED, LIST = 500, 20


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What visitors did in the week before an instant, one thing each: rows of `rows`, with where
    their histories begin and end in `order`, which has the rows of one visitor together."""

    rows: Interactions
    chosen: Indices
    order: Indices
    begin: Indices
    end: Indices

    @property
    def lengths(self) -> Doubles:
        """How many steps there were before, as far as a model looks at them."""
        lengths: Doubles = np.minimum(self.end - self.begin, REMEMBERED).astype(np.float64)
        return lengths

    def items(self) -> list[str]:
        return [self.rows.items[item] for item in self.rows.item[self.chosen]]

    def kinds(self) -> list[str]:
        return [self.rows.kinds[kind] for kind in self.rows.kind[self.chosen]]

    def history(self, place: int) -> History:
        """Return what the visitor of a row had done before it."""
        row = self.chosen[place]
        mine = self.order[self.begin[place] : self.end[place]][-REMEMBERED:]
        return History(
            steps=tuple(
                Step(
                    item=self.rows.items[self.rows.item[each]],
                    at=int(self.rows.at[each]),
                    kind=self.rows.kinds[self.rows.kind[each]],
                    in_visit=bool(self.rows.visit[each] == self.rows.visit[row]),
                )
                for each in mine.tolist()
            ),
            now=int(self.rows.at[row]),
        )


def lists_watched(
    version: ModelVersion, model: Recommender[Any], *, now: datetime
) -> tuple[Sequence[ColumnDrift], Slow | None]:
    """Return how far what a recommender is asked, and its scores, have moved since it was trained
    and since long ago. A refresh is no training: the weights of a stack stay what they were.

    :raises UnfitData: if nobody knows what it learned from.
    """
    if version.window_until is None:
        raise UnfitData("Nobody knows what it learned from.")
    trained = min(version.created_at, version.window_until)
    since = long_ago(version.name, trained=trained, now=now)
    rows = interactions(since=(since or trained) - WEEK - BEFORE, until=now).in_favour()
    first = first_seen(rows.items)

    def week(until: datetime) -> Asked:
        return asked(rows, until=microseconds(until), rng=Options(seed=version.seed).rng())

    today = week(now)
    slow = Slow(since=since, columns=_moved(model, week(since), today, first)) if since else None
    return _moved(model, week(trained), today, first), slow


def asked(rows: Interactions, *, until: Microseconds, rng: np.random.Generator) -> Asked:
    """Return one row of each visitor of the week before an instant, drawn at random."""
    rows = rows.where((rows.at >= until - span(WEEK + BEFORE)) & (rows.at < until))
    drawn = rng.permutation(np.flatnonzero(rows.at >= until - span(WEEK)))
    _, places = np.unique(rows.visitor[drawn], return_index=True)
    chosen = np.sort(rng.permutation(drawn[places])[:MOST]).astype(np.int32)
    order = np.argsort(rows.visitor, kind="stable").astype(np.int32)
    place_of = np.empty(len(order), np.int32)
    place_of[order] = np.arange(len(order), dtype=np.int32)
    begin = np.searchsorted(rows.visitor[order], rows.visitor[chosen], side="left").astype(np.int32)
    return Asked(rows=rows, chosen=chosen, order=order, begin=begin, end=place_of[chosen])


def first_seen(items: Sequence[str]) -> Mapping[str, Microseconds]:
    """Return when items were first seen, of those that there are (one query for all items)."""
    wanted = set(items)
    rows = Item.objects.values_list("key", "first_seen").iterator(chunk_size=10_000)
    return {key: microseconds(at) for key, at in rows if key in wanted}


def _moved(
    model: Recommender[Any], then: Asked, now: Asked, first: Mapping[str, Microseconds]
) -> Sequence[ColumnDrift]:
    """Return the columns, the furthest first, and behind them the scores."""
    known = set(model.items)
    columns = [
        drift("length of histories", reference_of(then.lengths), now.lengths),
        kinds_drift("kinds of events", then.kinds(), now.kinds()),
        kinds_drift("unknown items", *(_unknown(each, known) for each in (then, now))),
        kinds_drift("new items", *(_new(each, first) for each in (then, now))),
    ]
    said = drift(SCORE, reference_of(leads(model, then)), leads(model, now))
    return [*sorted(columns, key=lambda each: (-each.psi, each.name)), said]


def _unknown(asked: Asked, known: set[str]) -> list[str]:
    return ["known" if item in known else "unknown" for item in asked.items()]


def _new(asked: Asked, first: Mapping[str, Microseconds]) -> list[str]:
    new = span(NEW)
    at = asked.rows.at[asked.chosen].tolist()
    return [
        "new" if item in first and when - first[item] < new else "old"
        for item, when in zip(asked.items(), at, strict=True)
    ]


def leads(model: Recommender[Any], asked: Asked) -> Doubles:
    """Return of some histories how far the items of a list are ahead of all: the mean of the best
    scores less that of all, in standard deviations; NaN of a history that says nothing.

    Scores of recommenders have no scale of their own, so that nothing else of them can be compared.
    """
    places = np.linspace(0, len(asked.chosen) - 1, min(len(asked.chosen), SCORED)).astype(int)
    return np.array([_lead(model, asked.history(place)) for place in places], np.float64)


def _lead(model: Recommender[Any], history: History) -> float:
    scores = np.asarray(model.score(history), np.float64)
    spread = scores.std() if len(scores) else 0.0
    if not spread:
        return float("nan")
    n = min(LIST, len(scores))
    return float((np.partition(scores, -n)[-n:].mean() - scores.mean()) / spread)
