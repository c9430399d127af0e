"""From what a visitor did to a list of items: score, re-rank, vary, explore, say why.

Without a model, without consent, or with nothing done yet, what is popular is listed; before
anything is popular, what is new; and nothing where there are no items.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache
from importlib.util import find_spec
from itertools import islice
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
    Rule,
    known_items,
    may_be_listed,
    pinned,
    weighed,
)
from personalization.ml.serving.shelf import Shelf, ShelfItem, shelf

#: The longest list.
MOST: Final = 50
#: So many candidates are looked at to vary a list, or `WIDTH` for each of its items.
POOL, WIDTH = 60, 4
#: What popularity counts for beside a model that says something, and newness beside it.
_POPULAR, _NEW = 0.05, 1e-4
#: What of the popular ones is called so.
_FAMOUS: Final = 20
#: By its dotted path: without numpy, which the extra `ml` brings, nothing of it is imported.
_ENGINE: Final = "personalization.ml.serving.engine.engine"


class Ranking(Protocol):
    """Items from the best to the worst, with scores above 0, 1 for the first of all."""

    def best(self, n: int) -> Sequence[tuple[str, float]]: ...

    def best_of(self, keys: Iterable[str], n: int) -> Sequence[tuple[str, float]]: ...


class Scorer(Protocol):
    """A model that serves."""

    version: int

    def ranking(self, history: History) -> Ranking | None: ...

    def similar(self, item: str) -> Mapping[str, float]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What is asked: `n` items for who has this history. `rules` are those that hold for them.

    `item` is the key of what the page is about. Chance is drawn by `lot`; without one,
    nothing is left to it.
    """

    n: int
    history: History = field(default_factory=History)
    rules: tuple[Rule, ...] = ()
    policy: Policy = field(default_factory=Policy)
    item: str = ""
    lot: str = ""


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
    return recommend(ask, items=items, famous=popular(now=now), scorer=_scorer(now=now))


def recommend(
    ask: Ask, *, items: Shelf, famous: Popular, scorer: Scorer | None = None
) -> tuple[Recommendation, ...]:
    """Return the list, shorter only where there are not enough items. Pure."""
    n = min(ask.n, MOST)
    if n <= 0:
        return ()
    history = _history(ask)
    ranking = scorer.ranking(history) if scorer is not None and history.steps else None
    pool = _Pool(ask, items, famous, ranking)
    places = pinned(pool.fitting("pin"), rules=ask.rules, n=n)
    held = {one.item.key for one in places.values()}
    candidates = [
        one for one in weighed(pool.candidates(n), rules=ask.rules) if one.item.key not in held
    ][: max(POOL, WIDTH * n)]
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
    why = _Reasons(ask, items, famous, scorer if ranking is not None else None)
    version = scorer.version if scorer is not None and ranking is not None else None
    return tuple(
        Recommendation(
            item=one.candidate.item,
            score=one.candidate.score,
            reason=Reason("pinned") if one.candidate.item.key in held else why.of(one),
            propensity=one.propensity,
            position=position,
            model_version=version,
        )
        for position, one in enumerate(_merged(drawn, places), start=1)
    )


def _history(ask: Ask) -> History:
    """Return the history with what the page is about as its last step."""
    if not ask.item:
        return ask.history
    step = Step(item=ask.item, at=ask.history.now)
    return replace(ask.history, steps=(*ask.history.steps, step))


class _Pool:
    """The items that may be listed, with their scores."""

    def __init__(self, ask: Ask, items: Shelf, famous: Popular, ranking: Ranking | None) -> None:
        self._ask = ask
        self._items = items
        self._rankings: list[tuple[Ranking, float]] = [(famous, 1.0)]
        if ranking is not None:
            self._rankings = [(ranking, 1.0), (famous, _POPULAR)]
        self._hidden = known_items(ask.history, ask.policy) | {ask.item}

    def candidates(self, n: int) -> Iterable[Candidate]:
        """Return enough to choose `n` from, and what rules boost beyond that."""
        found: dict[str, Candidate] = {}
        wanted = max(POOL, WIDTH * n)
        for ranking, weight in self._rankings:
            if len(found) < wanted:
                self._take(found, ranking, weight, wanted=wanted)
        if len(found) < wanted:
            self._take_new(found, wanted=wanted)
        for one in self.fitting("boost"):
            if one.item.key not in self._hidden:
                found.setdefault(one.item.key, one)
        return found.values()

    def fitting(self, action: str) -> list[Candidate]:
        """Return the best items of each rule with that action, those known to the visitor too."""
        found: dict[str, Candidate] = {}
        for rule in self._ask.rules:
            if rule.action == action:
                for one in self._best_of(rule.keys(self._items)):
                    found.setdefault(one.item.key, one)
        return sorted(found.values(), key=lambda one: (-one.score, one.item.key))

    def _take(
        self, found: dict[str, Candidate], ranking: Ranking, weight: float, *, wanted: int
    ) -> None:
        """Go down a ranking, ever deeper, until enough is found."""
        depth, begun = 4 * wanted, 0
        while True:
            ranked = ranking.best(depth)
            for key, score in ranked[begun:]:
                if key not in found and (item := self._open(key)) is not None:
                    found[key] = Candidate(item, score * weight)
                    if len(found) >= wanted:
                        return
            if len(ranked) < depth:
                return
            begun, depth = depth, depth * 8

    def _take_new(self, found: dict[str, Candidate], *, wanted: int) -> None:
        for number, key in enumerate(self._items.newest):
            if key not in found and (item := self._open(key)) is not None:
                found[key] = Candidate(item, _NEW / (number + 1))
                if len(found) >= wanted:
                    return

    def _best_of(self, keys: Sequence[str]) -> Iterator[Candidate]:
        for ranking, weight in self._rankings:
            for key, score in ranking.best_of(keys, POOL):
                if self._listed(key) is not None:
                    yield Candidate(self._items.items[key], score * weight)
        for key in keys[:POOL]:
            if self._listed(key) is not None:
                yield Candidate(self._items.items[key], 0.0)

    def _open(self, key: str) -> ShelfItem | None:
        return None if key in self._hidden else self._listed(key)

    def _listed(self, key: str) -> ShelfItem | None:
        item = self._items.items.get(key)
        if item is None or key == self._ask.item:
            return None
        listed = may_be_listed(item, policy=self._ask.policy, rules=self._ask.rules)
        return item if listed else None


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

    def of(self, drawn: Drawn) -> Reason:
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


def _merged(drawn: Sequence[Drawn], places: Mapping[int, Candidate]) -> Iterator[Drawn]:
    """Yield the list with what is pinned in its place; a place beyond the end is the end."""
    rest = iter(drawn)
    end = len(drawn) + len(places)
    for position in range(1, end + 1):
        if position in places:
            yield Drawn(places[position])
        else:
            yield from islice(rest, 1)
    for position, candidate in sorted(places.items()):
        if position > end:
            yield Drawn(candidate)


def _scorer(*, now: datetime) -> Scorer | None:
    if not _has_numpy():
        return None
    found: Scorer | None = import_string(_ENGINE)(now=now)
    return found


@cache
def _has_numpy() -> bool:
    return find_spec("numpy") is not None
