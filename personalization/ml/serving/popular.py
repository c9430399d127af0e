"""What is popular, and what is rising: who serves while no model does, and fills up what a model
leaves open. Values; `popular_counting` makes them, `popular_now` has those that serve.

What is popular in a segment is what its members did, and as far as they did little, what all
did: `SURE` says how much of it all are worth.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from heapq import nsmallest
from itertools import islice
from typing import Final, NamedTuple

#: So many views of its members are worth as much as what is popular with all; a segment in
#: which less was done says nothing of its own.
SURE: Final = 20.0
#: And with all, how much was done is known with each of these half-lives.
HALF_LIVES: Final = (timedelta(minutes=15), timedelta(hours=6), timedelta(days=7))
#: So many views' worth have to be of the shorter of two half-lives for the two to be compared;
#: where there are fewer, what took longer is.
ENOUGH: Final = 100.0
#: An item is believed to be steady by so many views: those that it takes to say otherwise.
STEADY: Final = 10.0

#: How much was done, in views, with each of `HALF_LIVES`.
Worths = tuple[float, ...]


class Group(NamedTuple):
    """What the members of a segment did: how much in all, and with each item."""

    worth: float
    items: Mapping[str, float]


@dataclass(frozen=True, eq=False, kw_only=True)
class Count:
    """What was counted: so many events, and when. `done` is how much all did with all items."""

    at: datetime
    since: datetime
    events: int
    done: Worths
    #: Item → how much all did with it.
    worths: Mapping[str, Worths]


@dataclass(frozen=True, eq=False)
class Popular:
    """Items with a score above 0: a `Ranking` that is the same for all.

    `groups` has what the members of each segment did in which enough was, by the version of its
    rule. Without a `count` nothing is known to rise.
    """

    ranked: Sequence[tuple[str, float]] = ()
    scores: Mapping[str, float] = field(default_factory=dict)
    groups: Mapping[str, Group] = field(default_factory=dict)
    count: Count | None = None
    #: What was asked for: kept with this count, so that it is made once.
    _parts: dict[object, Popular] = field(default_factory=dict, repr=False)

    def best(self, n: int, *, without: Set[str] = frozenset()) -> Sequence[tuple[str, float]]:
        if not without:
            return self.ranked[:n]
        return list(islice((pair for pair in self.ranked if pair[0] not in without), n))

    def best_of(self, keys: tuple[str, ...], n: int) -> Sequence[tuple[str, float]]:
        known = [(key, self.scores[key]) for key in keys if key in self.scores]
        return nsmallest(n, known, key=_best_first)

    def among(self, groups: Collection[str]) -> Popular:
        """Return what is popular with who is in these segments too: in the one of them in which
        least was done, if that is enough; else with all."""
        enough = [(self.groups[group].worth, group) for group in groups if group in self.groups]
        if not enough:
            return self
        _, group = min(enough)
        if group not in self._parts:
            self._parts[group] = self._shrunk(self.groups[group])
        return self._parts[group]

    def of(self, keys: Collection[str], *, name: str) -> Popular:
        """Return what is popular of some items; `name` is what they have in common."""
        part = self._parts.get((name, len(keys)))
        if part is None:
            scores = {key: self.scores[key] for key in keys if key in self.scores}
            part = self._parts[name, len(keys)] = in_order(scores)
        return part

    @cached_property
    def rising(self) -> Popular:
        """Return what rises, that which rises most first; and after it the rest of what is
        popular, so that a list is as long as any."""
        rise = self.rise
        return in_order(
            _shares(
                {
                    item: rise[item] if rise.get(item, 0.0) > 1 else score
                    for item, score in self.scores.items()
                }
            )
        )

    @cached_property
    def rise(self) -> Mapping[str, float]:
        """Return how many times as much was done with each item of late as it would have been,
        had it kept its share; nearer to 1 the less was done.

        The mean of the rate of a Poisson count by a gamma prior around 1 (DuMouchel, *Bayesian
        Data Mining in Large Frequency Tables*, 1999, with one component and a fixed strength).
        """
        if self.count is None:
            return {}
        done = self.count.done
        short = 0 if done[0] >= ENOUGH else 1
        if not done[short]:
            return dict.fromkeys(self.count.worths, 1.0)
        share = done[short] / done[short + 1]  # never less was done with a longer half-life
        return {
            item: (worths[short] + STEADY) / (worths[short + 1] * share + STEADY)
            for item, worths in self.count.worths.items()
        }

    def _shrunk(self, group: Group) -> Popular:
        everything = sum(self.scores.values())
        shares = {
            item: (group.items.get(item, 0.0) + SURE * score / everything) / (group.worth + SURE)
            for item, score in self.scores.items()
        }
        return in_order(_shares(shares))


def in_order(scores: Mapping[str, float]) -> Popular:
    """Return what is popular by these scores; equal ones by key."""
    return Popular(tuple(sorted(scores.items(), key=_best_first)), scores)


def _shares(scores: Mapping[str, float]) -> dict[str, float]:
    """Return the scores as shares of the highest."""
    most = max(scores.values(), default=1.0)
    return {item: score / most for item, score in scores.items()}


def _best_first(pair: tuple[str, float]) -> tuple[float, str]:
    return -pair[1], pair[0]
