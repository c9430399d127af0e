"""What visitors did next of late: what engines are weighed by."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from personalization.ml.arrays import Flags, Indices
from personalization.ml.evaluation.splits import REMEMBERED, Split, split_at
from personalization.ml.history import History, Step
from personalization.ml.interactions import Dataset, Interactions
from personalization.ml.recommenders.blend import LENGTHS, bucket_of
from personalization.ml.recommenders.sessions import Sessions, sessions_of
from personalization.ml.unfit import UnfitData

#: Of rows without order in time, the share of a visitor's items that come after all of a long
#: history.
_AHEAD = 0.2
#: Share of steps that lead to what was seen earlier in a visit, though not just before, from
#: which on visitors are thought to come back because they want to.
_COMING_BACK = 0.05


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A history and the keys of what came next: of one item where it is known which, else of
    several that are right at once, each named once."""

    history: History
    targets: tuple[str, ...]


def latest(dataset: Dataset, *, share: float, rng: np.random.Generator) -> Split:
    """Return a split with about the last `share` of the rows on its later side.

    Where all are of one instant nothing is known of their order: then visitors whom chance draws
    are the later side, with all their rows in random order. Their numbers say nothing of others.

    :raises UnfitData: if one of the sides would be empty.
    """
    rows = dataset.interactions
    if len(rows) < 2:
        raise UnfitData(f"Needs 2 interactions to be weighed by, has {len(rows)}.")
    last = min(max(int(len(rows) * (1 - share)), 1), len(rows) - 1)
    if rows.at[last] > rows.at[0]:
        return split_at(dataset, at=int(rows.at[last]))
    earlier = _drawn(rows.visitor, n=last, rng=rng)
    if earlier.all():
        raise UnfitData("All interactions are of one visitor and one instant: none is later.")
    before = Dataset(
        interactions=rows.where(earlier), until=dataset.until, catalogue=dataset.catalogue
    )
    later = np.flatnonzero(~earlier)
    return Split(before=before, since=_taken(rows, rng.permutation(later)), at=dataset.until)


def come_back(interactions: Interactions) -> bool:
    """Return whether visitors go back to what they saw, so that a list may show it again."""
    sessions = sessions_of(interactions)
    steps = len(sessions.items) - len(sessions)
    return steps > 0 and _returns(sessions) / steps >= _COMING_BACK


def asked(split: Split, *, n: int, repeats: bool, rng: np.random.Generator) -> Iterator[Asked]:
    """Yield up to `n` questions of the later side, chosen at random, as many of each length of
    history as there are.

    A history has what the visitor did on both sides, the last `REMEMBERED` steps. Unless
    `repeats`, what it has is not asked about. What speaks against an item is neither history
    nor an answer.

    Where all rows are of one instant, none of them is the last or the next: a history has all
    that comes before in their random order, and all others are right. A visitor is asked about
    once for each length, and what is asked of the longest is what a list is made for: nearly all
    that there is of a visitor is known.
    """
    before, since = split.before.interactions.in_favour(), split.since.in_favour()
    rows, earlier = _by_visitor(since), _by_visitor(before)
    none = np.empty(0, np.int32)
    in_time = _is_in_time(split)
    candidates: list[list[tuple[int, int]]] = [[] for _ in LENGTHS]
    for visitor, own in rows.items():
        known = set(before.item[earlier.get(visitor, none)].tolist())
        places = _places(since, own, known=known, repeats=repeats and in_time)
        if not in_time:
            n_items = len(np.unique(since.item[own]))
            places = list(_once_each(places, n_items=n_items, rng=rng))
        for some, found in zip(candidates, places, strict=True):
            some += ((visitor, place) for place in found)
    for visitor, place in _chosen(candidates, n=n, rng=rng):
        own = rows[visitor]
        target = own[place]
        visit = int(since.visit[target])
        most = REMEMBERED if in_time else len(before) + len(since)
        steps = (
            *_steps(before, earlier.get(visitor, none)[-most:], visit=visit),
            *_steps(since, own[max(place - most, 0) : place], visit=visit),
        )
        kept = steps[-most:]
        history = History(steps=kept, now=int(since.at[target]))
        later = own[place : place + 1] if in_time else own[place:]
        yield Asked(history=history, targets=_targets(since, later, kept, repeats=in_time))


def _is_in_time(split: Split) -> bool:
    """Return whether the later side is later."""
    return bool(split.since.at.min() > split.before.interactions.at.max())


def _places(rows: Interactions, own: Indices, *, known: set[int], repeats: bool) -> list[list[int]]:
    """Return the places that can be asked about among a visitor's rows, for each length of
    history; `known` are the items of earlier ones."""
    known = set(known)
    places: list[list[int]] = [[] for _ in LENGTHS]
    for place, row in enumerate(own.tolist()):
        item = int(rows.item[row])
        bucket = bucket_of(len(known))
        if bucket >= 0 and (item not in known or (repeats and _is_step(rows, own, place))):
            places[bucket].append(place)
        known.add(item)
    return places


def _once_each(
    places: list[list[int]], *, n_items: int, rng: np.random.Generator
) -> Iterator[list[int]]:
    """Yield up to one of the places of each length: any, but of the longest the last that leaves
    a share of the visitor's items, so that many and few are left to who has many and few."""
    *short, longest = places
    for some in short:
        yield [some[rng.integers(len(some))]] if some else []
    # With each place one item more is known, beginning with the least length.
    known = int(n_items * (1 - _AHEAD))
    yield longest[max(known - LENGTHS[-1], 0) :][:1]


def _targets(
    rows: Interactions, later: Indices, steps: tuple[Step, ...], *, repeats: bool
) -> tuple[str, ...]:
    """Return the items of rows, each once; unless `repeats`, without those of the history."""
    known = set() if repeats else {step.item for step in steps}
    items = dict.fromkeys(rows.items[item] for item in rows.item[later].tolist())
    return tuple(item for item in items if item not in known)


def _drawn(visitors: Indices, *, n: int, rng: np.random.Generator) -> Flags:
    """Return which rows are of visitors whom chance draws until they have `n` rows or more, or
    all but one visitor are drawn."""
    found, numbers, counts = np.unique(visitors, return_inverse=True, return_counts=True)
    order = rng.permutation(len(found))
    n_drawn = 1 + int(np.searchsorted(np.cumsum(counts[order]), n))
    drawn = np.zeros(len(found), np.bool_)
    drawn[order[: max(min(n_drawn, len(found) - 1), 1)]] = True
    flags: Flags = drawn[numbers]
    return flags


def _taken(rows: Interactions, order: NDArray[np.int64]) -> Interactions:
    return replace(
        rows,
        visitor=rows.visitor[order],
        visit=rows.visit[order],
        item=rows.item[order],
        kind=rows.kind[order],
        amount=rows.amount[order],
        at=rows.at[order],
    )


def _returns(sessions: Sessions) -> int:
    """Return the number of steps to an item of the same visit other than the one before."""
    visits = sessions.visits
    pairs = np.unique(visits.astype(np.int64) * (int(sessions.items.max()) + 1) + sessions.items)
    at_once = (visits[1:] == visits[:-1]) & (sessions.items[1:] == sessions.items[:-1])
    return len(visits) - len(pairs) - int(at_once.sum())


def _is_step(rows: Interactions, own: Indices, place: int) -> bool:
    """Return whether one goes there, and does not only do something else where one is."""
    if not place:
        return True
    row, last = own[place], own[place - 1]
    return bool(rows.item[row] != rows.item[last] or rows.kind[row] == rows.kind[last])


def _by_visitor(rows: Interactions) -> dict[int, Indices]:
    if not len(rows):
        return {}
    order = np.argsort(rows.visitor, kind="stable").astype(np.int32)
    visitors, starts = np.unique(rows.visitor[order], return_index=True)
    return dict(zip(visitors.tolist(), np.split(order, starts[1:]), strict=True))


def _chosen(
    candidates: list[list[tuple[int, int]]], *, n: int, rng: np.random.Generator
) -> Iterator[tuple[int, int]]:
    """Yield `n` in all: of each list as many as of the others, unless it has fewer."""
    left, lists = n, sorted(candidates, key=len)
    for done, some in enumerate(lists):
        take = min(left // (len(lists) - done), len(some))
        order: NDArray[np.int64] = np.sort(rng.permutation(len(some))[:take])
        yield from (some[place] for place in order.tolist())
        left -= take


def _steps(rows: Interactions, chosen: Indices, *, visit: int) -> Iterator[Step]:
    for row in chosen.tolist():
        yield Step(
            item=rows.items[rows.item[row]],
            at=int(rows.at[row]),
            kind=rows.kinds[rows.kind[row]],
            in_visit=int(rows.visit[row]) == visit,
        )
