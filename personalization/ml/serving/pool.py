"""The items of which a list is chosen, with their scores. Pure."""

from __future__ import annotations

from collections.abc import Sequence, Set
from itertools import islice
from operator import attrgetter
from typing import Final, NamedTuple

from personalization.ml.serving.popular import Popular
from personalization.ml.serving.ranking import Personal, Ranking
from personalization.ml.serving.rerank import Candidate, Listing
from personalization.ml.serving.shelf import Shelf

#: So many candidates are looked at to vary a list, or `WIDTH` for each of its items.
POOL, WIDTH = 30, 3
#: What popularity counts for beside a model that says something, and newness beside it.
_POPULAR, _NEW = 0.05, 1e-4
#: What a model counts for that knows the visitor, and not what the page is about.
_ELSEWHERE: Final = 0.1
#: By what share a boosted item of no score of its own is behind the one before it.
_BEHIND: Final = 1e-6
_BY_SCORE = attrgetter("score")


class Source(NamedTuple):
    """A ranking that candidates come from, and what its scores are multiplied by."""

    ranking: Ranking
    weight: float = 1.0
    #: Whether no more come of it than the list is long.
    is_short: bool = False


def sources_of(
    *, shelf: Shelf, listing: Listing, famous: Popular, personal: Personal | None, about: str = ""
) -> list[Source]:
    """Return where candidates come from; what is said first of an item counts.

    As long as no model knows what the page is `about`, its category comes first.
    """
    popular = listing.weighed(famous)
    sources = [Source(popular, _POPULAR)]
    if personal is not None:
        sources.insert(0, Source(personal))
    if not about or (personal is not None and personal.led_by(about)):
        return sources if personal is not None else [Source(popular)]
    beside = _beside(about, shelf=shelf, listing=listing, famous=famous)
    if beside is None:
        return sources if personal is not None else [Source(popular)]
    if personal is None:
        return [beside, *sources]
    return [beside._replace(is_short=True), Source(personal, _ELSEWHERE), *sources[1:]]


def _beside(about: str, *, shelf: Shelf, listing: Listing, famous: Popular) -> Source | None:
    """Return what is popular in the category of an item, the most popular of it with 1."""
    item = shelf.items.get(about)
    if item is None or not item.category:
        return None
    keys = shelf.find("category", item.category)
    part = listing.weighed(famous.of(keys, name=item.category))
    return Source(part, 1 / part.ranked[0][1]) if part.ranked else None


class Pool:
    """The items that may be listed for a visitor, without those that are `hidden` from them."""

    def __init__(
        self, listing: Listing, sources: Sequence[Source], *, newest: Sequence[str],
        hidden: Set[str], about: str = "",
    ) -> None:  # fmt: skip
        self._listing = listing
        self._sources = sources
        self._newest = newest
        self._hidden = hidden | {about}
        self._about = about

    def candidates(self, n: int, *, without: Set[str]) -> list[Candidate]:
        """Return enough to choose `n` from, the best first."""
        hidden = self._hidden | without
        wanted = max(POOL, WIDTH * n)
        items = self._listing.items
        found: dict[str, Candidate] = {}
        for ranking, weight, is_short in self._sources:
            if len(found) < wanted:
                for key, score in ranking.best(n if is_short else wanted, without=hidden):
                    if key not in found:
                        found[key] = Candidate(items[key], score * weight)
        ranked = sorted(found.values(), key=_BY_SCORE, reverse=True)
        more = self._lifted(ranked, n, hidden=hidden) if self._listing.boosted else {}
        if len(found.keys() | more.keys()) < n:
            new = self._new(n - len(found), without=hidden | found.keys() | more.keys())
            more |= {key: Candidate(items[key], score) for key, score in new.items()}
        return sorted((found | more).values(), key=_BY_SCORE, reverse=True) if more else ranked

    def pinned(self, n: int) -> dict[int, Candidate]:
        """Return position, up to `n`, → the best item that a rule pins there, which the visitor
        may know. Of two for one position, the second gets the next one that is free."""
        places: dict[int, Candidate] = {}
        taken = {self._about}
        for position, keys in self._listing.pins:
            free = next((at for at in range(position, n + 1) if at not in places), None)
            best = self._best_of(keys, without=taken) if free is not None else None
            if free is not None and best is not None:
                places[free] = best
                taken.add(best.item.key)
        return places

    def _best_of(self, keys: tuple[str, ...], *, without: Set[str]) -> Candidate | None:
        items = self._listing.items
        for ranking, weight, _ in self._sources:
            best = ranking.best_of(keys, 1)
            if best and best[0][0] in without:
                best = ranking.best_of(keys, len(without) + 1)
            for key, score in best:
                if key not in without:
                    return Candidate(items[key], score * weight)
        return next((Candidate(items[key], 0.0) for key in keys if key not in without), None)

    def _lifted(
        self, ranked: Sequence[Candidate], n: int, *, hidden: Set[str]
    ) -> dict[str, Candidate]:
        """Return what is boosted and scores less than the last of a list, before it is boosted:
        it counts as much as that, so that a boost has something to multiply, of an item too that
        nobody knows yet. The known ones come first, then the newest.

        Where the candidates have enough to fill a list that is boosted, scores are as they are.
        """
        factors = self._listing.factors
        boosted = [one for one in ranked if factors.get(one.item.key, 1.0) > 1]
        if len(boosted) >= n:
            return {}
        floor = min((self._own(one) for one in ranked[:n]), default=_NEW)
        low = [one for one in boosted if self._own(one) < floor]
        keys = [one.item.key for one in sorted(low, key=self._own, reverse=True)]
        known = {one.item.key for one in ranked}
        keys += self._more_boosted(n - len(boosted), without=hidden | known)
        return {
            key: Candidate(self._listing.items[key], floor * factors[key] * (1 - _BEHIND * behind))
            for behind, key in enumerate(keys, start=1)
        }

    def _own(self, one: Candidate) -> float:
        """Return the score of a candidate before rules weigh it."""
        return one.score / self._listing.factors.get(one.item.key, 1.0)

    def _more_boosted(self, n: int, *, without: Set[str]) -> list[str]:
        """Return `n` boosted items that are not among the candidates."""
        keys = self._listing.boosted
        known = (
            key
            for source in self._sources
            for key, _ in source.ranking.best_of(keys, n + len(without))
        )
        return list(islice(dict.fromkeys(key for key in (*known, *keys) if key not in without), n))

    def _new(self, n: int, *, without: Set[str]) -> dict[str, float]:
        """Return what was seen first not long ago."""
        listed = self._listing.items
        new = (key for key in self._newest if key in listed and key not in without)
        factors = self._listing.factors
        return {
            key: _NEW / (number + 1) * factors.get(key, 1.0)
            for number, key in enumerate(islice(new, n))
        }
