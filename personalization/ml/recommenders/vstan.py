"""Visits like this one, and what was done in them: session nearest neighbours.

After STAN (Garg et al., SIGIR 2019) and VSTAN (Ludewig et al., UMUAI 2021). A visit is close
if it shares late and rare steps and is recent; its items count the more, the nearer they stand
to the last step it shares. Nothing is trained: learning is writing an index, and what a
visitor does counts in the next request.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, NamedTuple, Self

import numpy as np

from personalization.ml.arrays import Doubles, Floats, Indices
from personalization.ml.base import Arrays, Config, Options, Recommender, algorithms
from personalization.ml.history import History
from personalization.ml.interactions import Dataset, Interactions
from personalization.ml.recommenders.matrix import keys, texts
from personalization.ml.recommenders.positions import Positions, positions_of
from personalization.ml.recommenders.session_index import SessionIndex, index_of
from personalization.ml.recommenders.sessions import Sessions, sessions_of, steps_of
from personalization.ml.unfit import UnfitData
from personalization.types import JsonObject, Microseconds

_HOUR = 3_600_000_000
#: Steps from the last one that are looked at: what is farther back hardly counts.
_LOOKED_AT = 20
#: Reaches from the shared step that items of a visit are looked at.
_FAR = 6


@dataclass(frozen=True, kw_only=True)
class VstanConfig(Config):
    #: Visits that are looked for.
    neighbours: int = 1_000
    #: The latest visits of the last step's item that they are chosen from; of earlier steps
    #: the fewer, the less these count.
    sample: int = 2_500
    #: Latest visits that are remembered at all.
    visits: int = 1_000_000
    #: Steps back from the last one until a shared step counts 1/e.
    step_decay: float = 5.0
    #: The same for the last shared step, and with it for the whole visit.
    last_decay: float = 2.0
    #: Steps from the last shared one until an item of a visit counts 1/e.
    reach: float = 4.0
    #: Days after which a visit counts half.
    half_life: float = 60.0
    #: How much the rarity of an item adds to what it counts, shared or recommended.
    rarity: float = 10.0
    #: Power of its length that a visit is divided by: 0.5 is the cosine.
    length_power: float = 0.25

    bounds: ClassVar[Mapping[str, tuple[float, float]]] = {
        "neighbours": (1, 100_000),
        "sample": (1, 100_000),
        "visits": (1, 100_000_000),
        "step_decay": (0.01, 1_000),
        "last_decay": (0.01, 1_000),
        "reach": (0.01, 1_000),
        "half_life": (0.01, 36_500),
        "rarity": (0, 1_000),
        "length_power": (0, 1),
    }


class _Shared(NamedTuple):
    """Neighbours: a row for each visit that shares a step."""

    visit: Indices
    closeness: Doubles
    #: The last step that is shared, as an index into the steps of all visits.
    step: Indices


@algorithms.register("vstan")
class Vstan(Recommender[VstanConfig]):
    """Sums up the visits that are nearest to the one that goes on."""

    config_class = VstanConfig

    _positions: Positions
    _index: SessionIndex
    #: How much each visit counts by its age, and each item by its rarity.
    _freshness: Doubles
    _rarity: Floats

    def fit(self, dataset: Dataset, options: Options) -> Self:
        options.progress(0, "visits")
        self._keep(_telling(sessions_of(dataset.interactions)), dataset.interactions.items)
        options.progress(1, "visits")
        return self

    def appended(self, interactions: Interactions, *, since: Microseconds) -> Vstan:
        """Return the model with the visits that ended at `since` or later replaced by those of
        `interactions`, which has them as a whole; what is too many goes at the other end.

        :raises ValueError: if `since` is no full hour: the ends of visits are kept no finer.
        """
        if since % _HOUR:
            raise ValueError(f"since is {since}; allowed: full hours, multiples of {_HOUR}.")
        items = tuple(dict.fromkeys((*self.items, *interactions.items)))
        number = {item: index for index, item in enumerate(items)}
        renumbered = np.array([number[item] for item in interactions.items], np.int32)
        later = _telling(sessions_of(interactions)).since(since)
        kept = self._index.sessions.before(since)
        grown = type(self)(self.config)
        grown._keep(
            kept.followed_by(replace(later, items=renumbered[later.items].astype(np.int32))), items
        )
        return grown

    def score(self, history: History) -> Floats:
        numbers = self._positions.number
        steps = [numbers[item] for item in steps_of(history, n=_LOOKED_AT) if item in numbers]
        shared = self._shared(steps)
        if shared is None:
            return np.zeros(len(self.items), np.float32)
        sessions = self._index.sessions
        far = math.ceil(_FAR * self.config.reach)
        begins = np.maximum(sessions.starts[shared.visit], shared.step - far)
        ends = np.minimum(sessions.starts[shared.visit + 1], shared.step + far + 1)
        lengths = ends - begins
        before = np.cumsum(lengths) - lengths
        step = np.arange(lengths.sum()) + np.repeat(begins - before, lengths)
        away = np.abs(step - np.repeat(shared.step, lengths))
        weights = np.repeat(shared.closeness, lengths) * np.exp(away / -self.config.reach)
        sums = np.bincount(sessions.items[step], weights=weights, minlength=len(self.items))
        return (sums * self._rarity).astype(np.float32)

    def arrays(self) -> Arrays:
        sessions = self._index.sessions
        return {
            "items": texts(self.items),
            "steps": sessions.items,
            "starts": sessions.starts,
            "ended": sessions.ended,
        }

    def restore(self, arrays: Arrays, facts: JsonObject) -> None:
        sessions = Sessions(items=arrays["steps"], starts=arrays["starts"], ended=arrays["ended"])
        self._keep(sessions, keys(arrays["items"]))

    def _keep(self, sessions: Sessions, items: tuple[str, ...]) -> None:
        if not len(sessions):
            raise UnfitData("Not one visit has a second step; at least 1 is needed.")
        sessions = sessions.latest(self.config.visits)
        self._positions = positions_of(items)
        self.items = self._positions.items
        # An instant to the microsecond could be matched with a log, and nobody needs it.
        sessions = replace(sessions, ended=sessions.ended // _HOUR * _HOUR)
        self._index = index_of(sessions, n_items=len(items))
        age = (sessions.ended[-1] - sessions.ended) / (24 * _HOUR * self.config.half_life)
        self._freshness = np.exp2(-np.minimum(age, 500.0)) / (
            self._index.widths**self.config.length_power
        )
        # Of steps that count less, fewer visits are looked at: that bounds the time of an answer.
        self._sample = {
            place: math.ceil(self.config.sample * math.exp(place / self.config.step_decay))
            for place in range(1 - _LOOKED_AT, 1)
        }
        self._rarity = 1 + self.config.rarity * self._index.rarity()

    def _shared(self, steps: list[int]) -> _Shared | None:
        """Return the nearest visits for the last `steps`, the oldest first; None without any."""
        last = {item: place for place, item in enumerate(steps, start=1 - len(steps))}
        found = [self._index.found(item, n=self._sample[place]) for item, place in last.items()]
        postings = np.concatenate(found) if found else np.empty(0, np.int32)
        if not len(postings):
            return None
        # The places of steps: 0 is the last one, -1 the one before.
        lengths = [len(each) for each in found]
        places = np.repeat(np.array(list(last.values())), lengths)
        rarity = np.repeat(self._rarity[list(last)], lengths)
        visits = self._index.visits[postings]
        # Visit by visit, in each of them by the place that the shared step has here.
        order = np.argsort(visits.astype(np.int64) * _LOOKED_AT + places + _LOOKED_AT)
        visits, places, postings = visits[order], places[order], postings[order]
        counts = rarity[order] * np.exp(places / self.config.step_decay)
        begins = np.flatnonzero(np.diff(visits, prepend=-1))
        ends = np.append(begins[1:], len(visits)) - 1
        visit = visits[begins]
        closeness = np.add.reduceat(counts, begins)
        closeness *= np.exp(places[ends] / self.config.last_decay) * self._freshness[visit]
        shared = _Shared(visit=visit, closeness=closeness, step=postings[ends])
        return _nearest(shared, n=self.config.neighbours)


def _nearest(shared: _Shared, *, n: int) -> _Shared:
    if len(shared.visit) <= n:
        return shared
    nearest = np.argpartition(shared.closeness, -n)[-n:]
    return _Shared(
        visit=shared.visit[nearest],
        closeness=shared.closeness[nearest],
        step=shared.step[nearest],
    )


def _telling(sessions: Sessions) -> Sessions:
    """Return the visits that tell what comes next: those of more than one step."""
    return sessions.where(sessions.lengths > 1)
