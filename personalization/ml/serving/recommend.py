"""From what a visitor did to a list of items: score, re-rank, vary, explore, say why.

Without a model, without consent, or with nothing done yet, what is popular is listed; before
anything is popular, what is new; and nothing where there are no items.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache
from importlib.util import find_spec
from itertools import islice
from operator import attrgetter
from typing import Final, Protocol

from django.utils.module_loading import import_string

from personalization.ml.history import History, Step
from personalization.ml.serving.diversity import diversified
from personalization.ml.serving.explore import Drawn, explored
from personalization.ml.serving.policy import Policy
from personalization.ml.serving.popular import Popular, popular
from personalization.ml.serving.reasons import Reason, leading, led_by
from personalization.ml.serving.rerank import (
    Candidate,
    Listing,
    Rule,
    known_items,
    listing_of,
)
from personalization.ml.serving.shelf import Shelf, ShelfItem, shelf

#: The longest list.
MOST: Final = 50
#: So many candidates are looked at to vary a list, or `WIDTH` for each of its items.
POOL, WIDTH = 30, 3
#: What popularity counts for beside a model that says something, and newness beside it.
_POPULAR, _NEW = 0.05, 1e-4
#: What of the popular ones is called so.
_FAMOUS: Final = 20
_BY_SCORE = attrgetter("score")
#: By its dotted path: without numpy, which the extra `ml` brings, nothing of it is imported.
_ENGINE: Final = "personalization.ml.serving.engine.engine"


class Ranking(Protocol):
    """Items that may be listed from the best to the worst, with scores above 0."""

    def best(self, n: int) -> Sequence[tuple[str, float]]: ...

    def best_of(self, keys: tuple[str, ...], n: int) -> Sequence[tuple[str, float]]: ...


class Scorer(Protocol):
    """A model that serves."""

    version: int

    def ranking(self, history: History, listing: Listing) -> Ranking | None: ...

    def similar(self, item: str) -> Mapping[str, float]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What is asked: `n` items for who has this history. `rules` are those that hold for them.

    `item` is the key of what the page is about. Chance is drawn by `lot`; without one,
    nothing is left to it. `version` is the number of the model that is asked, 0 for none; None:
    the one that serves. `groups` are the segments they are in, by the versions of their rules.
    """

    n: int
    history: History = field(default_factory=History)
    rules: tuple[Rule, ...] = ()
    policy: Policy = field(default_factory=Policy)
    item: str = ""
    lot: str = ""
    version: int | None = None
    groups: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Recommendation:
    """An item of a list. `propensity` is the probability with which it stands at its position,
    1 for the first; `model_version` is the number of the version that scored it, None where
    no model did."""

    item: ShelfItem
    score: float
    reason: Reason
    propensity: float = 1.0
    position: int = 1
    model_version: int | None = None


def recommended(ask: Ask, *, now: datetime) -> tuple[Recommendation, ...]:
    """Return the list, by what serves now."""
    items = shelf(now=now)
    if not items.items:
        return ()
    scorer = None if ask.version == 0 else _scorer(now=now, number=ask.version)
    return recommend(ask, items=items, famous=popular(now=now), scorer=scorer)


def recommend(
    ask: Ask, *, items: Shelf, famous: Popular, scorer: Scorer | None = None
) -> tuple[Recommendation, ...]:
    """Return the list, shorter only where there are not enough items. Pure."""
    n = min(ask.n, MOST)
    if n <= 0:
        return ()
    history = _history(ask)
    listing = listing_of(items, rules=ask.rules, kinds=ask.policy.kinds)
    ranking = scorer.ranking(history, listing) if scorer is not None and history.steps else None
    if ask.policy.popular == "segment":
        famous = famous.among(ask.groups)
    pool = _Pool(ask, items, listing, famous, ranking)
    places = pool.pinned(n)
    candidates = pool.candidates(n, without={one.item.key for one in places.values()})
    chosen = diversified(
        candidates,
        n=n - len(places),
        diversity=ask.policy.diversity,
        per_category=ask.policy.per_category,
        above=[one.item for one in places.values()],
    )
    taken = {one.item.key for one in chosen}
    others = [one for one in candidates if one.item.key not in taken]
    drawn = explored(chosen, others=others, share=ask.policy.explore, lot=ask.lot)
    by_model = scorer if ranking is not None else None
    why = _Reasons(ask, items, famous, by_model)
    return tuple(
        Recommendation(
            item=one.candidate.item,
            score=one.candidate.score,
            reason=why.of(one, is_pinned=is_pinned),
            propensity=one.propensity,
            position=position,
            model_version=by_model.version if by_model else None,
        )
        for position, (one, is_pinned) in enumerate(_merged(drawn, places), start=1)
    )


def _history(ask: Ask) -> History:
    """Return the history with what the page is about as its last step."""
    if not ask.item:
        return ask.history
    step = Step(item=ask.item, at=ask.history.now)
    return replace(ask.history, steps=(*ask.history.steps, step))


class _Pool:
    """The items that may be listed for the visitor, with their scores."""

    def __init__(
        self, ask: Ask, items: Shelf, listing: Listing, famous: Popular, ranking: Ranking | None
    ) -> None:
        self._newest = items
        self._listing = listing
        self._item = ask.item
        first = ranking or _popular_beside(ask, items, listing, famous)
        self._rankings: list[tuple[Ranking, float]] = [(listing.weighed(famous), 1.0)]
        if first is not None:
            self._rankings = [(first, 1.0), (listing.weighed(famous), _POPULAR)]
        self._hidden = known_items(ask.history, ask.policy) | {ask.item}

    def candidates(self, n: int, *, without: Set[str]) -> list[Candidate]:
        """Return enough to choose `n` from, the best first."""
        hidden = self._hidden | without
        wanted = max(POOL, WIDTH * n)
        items = self._listing.items
        found: dict[str, Candidate] = {}
        for ranking, weight in self._rankings:
            if len(found) < wanted:
                ranked = ranking.best(wanted + len(hidden) + len(found))
                open_ones = (pair for pair in ranked if pair[0] not in hidden)
                for key, score in islice(open_ones, wanted):
                    found.setdefault(key, Candidate(items[key], score * weight))
        if len(found) < n:
            new = self._new(n - len(found), without=hidden | found.keys())
            found |= {key: Candidate(items[key], score) for key, score in new.items()}
        return sorted(found.values(), key=_BY_SCORE, reverse=True)

    def pinned(self, n: int) -> dict[int, Candidate]:
        """Return position, up to `n`, → the best item that a rule pins there, which the visitor
        may know. Of two for one position, the second gets the next one that is free."""
        places: dict[int, Candidate] = {}
        taken = {self._item}
        for position, keys in self._listing.pins:
            free = next((at for at in range(position, n + 1) if at not in places), None)
            best = self._best_of(keys, without=taken) if free is not None else None
            if free is not None and best is not None:
                places[free] = best
                taken.add(best.item.key)
        return places

    def _best_of(self, keys: tuple[str, ...], *, without: Set[str]) -> Candidate | None:
        items = self._listing.items
        for ranking, weight in self._rankings:
            for key, score in ranking.best_of(keys, len(without) + 1):
                if key not in without:
                    return Candidate(items[key], score * weight)
        return next((Candidate(items[key], 0.0) for key in keys if key not in without), None)

    def _new(self, n: int, *, without: Set[str]) -> dict[str, float]:
        """Return what was seen first not long ago."""
        listed = self._listing.items
        new = (key for key in self._newest.newest if key in listed and key not in without)
        factors = self._listing.factors
        return {
            key: _NEW / (number + 1) * factors.get(key, 1.0)
            for number, key in enumerate(islice(new, n))
        }


def _popular_beside(ask: Ask, items: Shelf, listing: Listing, famous: Popular) -> Popular | None:
    """Return what is popular in the category of what the page is about: while no model says
    anything, that goes with it."""
    about = items.items.get(ask.item)
    if about is None or not about.category:
        return None
    keys = items.find("category", about.category)
    return listing.weighed(famous.of(keys, name=about.category))


class _Reasons:
    """Why items are in the list."""

    def __init__(self, ask: Ask, items: Shelf, famous: Popular, scorer: Scorer | None) -> None:
        self._items = items.items
        self._famous = famous
        self._page = ask.item if scorer is not None else ""
        self._steps = leading(ask.history) if scorer is not None else []
        led = {self._page, *(step.item for step in self._steps)} - {""}
        self._similar = {item: scorer.similar(item) for item in led} if scorer else {}
        self._best_known = frozenset(key for key, _ in famous.best(_FAMOUS))

    def of(self, drawn: Drawn, *, is_pinned: bool) -> Reason:
        if is_pinned:
            return Reason("pinned")
        key = drawn.candidate.item.key
        if self._page in self._items and self._similar[self._page].get(key):
            return Reason("related", self._items[self._page])
        led = led_by(key, self._steps, similar=self._similar, items=self._items)
        if led is not None:
            return led
        if key in self._best_known:
            return Reason("popular")
        if drawn.by_chance:
            return Reason("other")
        if self._steps or self._page:
            return Reason("chosen")
        return Reason("popular" if key in self._famous.scores else "new")


def _merged(
    drawn: Sequence[Drawn], places: Mapping[int, Candidate]
) -> Iterator[tuple[Drawn, bool]]:
    """Yield the list with what is pinned in its place, and whether it is; a place beyond the end
    is the end."""
    rest = iter(drawn)
    end = len(drawn) + len(places)
    for position in range(1, end + 1):
        if position in places:
            yield Drawn(places[position]), True
        else:
            yield from ((one, False) for one in islice(rest, 1))
    for position, candidate in sorted(places.items()):
        if position > end:
            yield Drawn(candidate), True


def _scorer(*, now: datetime, number: int | None) -> Scorer | None:
    if not _has_numpy():
        return None
    found: Scorer | None = import_string(_ENGINE)(now=now, number=number)
    return found


@cache
def _has_numpy() -> bool:
    return find_spec("numpy") is not None
