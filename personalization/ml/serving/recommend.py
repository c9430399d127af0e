"""From what a visitor did to a list of items: score, re-rank, vary, explore, say why.

Without a model, without consent, or with nothing done yet, what is popular is listed; before
anything is popular, what is new; and nothing where there are no items.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache
from importlib.util import find_spec
from itertools import islice
from typing import Final, NamedTuple

from django.utils.module_loading import import_string

from personalization.ml.history import History, Step
from personalization.ml.serving.diversity import diversified
from personalization.ml.serving.explore import Drawn, explored
from personalization.ml.serving.policy import Policy
from personalization.ml.serving.pool import Pool, sources_of
from personalization.ml.serving.popular import Popular
from personalization.ml.serving.popular_now import popular
from personalization.ml.serving.ranking import Scorer
from personalization.ml.serving.reasons import Reason, Reasons
from personalization.ml.serving.rerank import Candidate, Rule, known_items, listing_of
from personalization.ml.serving.shelf import Shelf, ShelfItem, shelf

#: The longest list.
MOST: Final = 50
#: By its dotted path: without numpy, which the extra `ml` brings, nothing of it is imported.
_ENGINE: Final = "personalization.ml.serving.engine.engine"


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


class Recommendation(NamedTuple):
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
    personal = None
    if scorer is not None and history.steps:
        personal = scorer.ranking(history, listing, about=bool(ask.item))
    famous = _famous(famous, ask)
    pool = Pool(
        listing,
        sources_of(shelf=items, listing=listing, famous=famous, personal=personal, about=ask.item),
        newest=items.newest,
        hidden=known_items(ask.history, ask.policy),
        about=ask.item,
    )
    places = pool.pinned(n)
    drawn = _chosen(ask.policy, pool, n, places=places, lot=ask.lot)
    why = Reasons(ask.history, personal, items=items.items, famous=famous, page=ask.item)
    version = scorer.version if scorer is not None and personal is not None else None
    return tuple(
        Recommendation(
            item=one.candidate.item,
            score=one.candidate.score,
            reason=why.of(one.candidate.item.key, is_pinned=is_pinned, by_chance=one.by_chance),
            propensity=one.propensity,
            position=position,
            model_version=version,
        )
        for position, (one, is_pinned) in enumerate(_merged(drawn, places), start=1)
    )


def _chosen(
    policy: Policy, pool: Pool, n: int, *, places: Mapping[int, Candidate], lot: str
) -> list[Drawn]:
    """Return what stands in the list beside what is pinned to `places`."""
    pinned = [one.item for one in places.values()]
    candidates = pool.candidates(n, without={item.key for item in pinned})
    chosen = diversified(
        candidates,
        n=n - len(places),
        diversity=policy.diversity,
        per_category=policy.per_category,
        above=pinned,
    )
    taken = {one.item.key for one in chosen}
    return explored(
        chosen,
        others=[one for one in candidates if one.item.key not in taken],
        share=policy.explore,
        lot=lot,
        per_category=policy.per_category,
        beside=pinned,
    )


def _famous(famous: Popular, ask: Ask) -> Popular:
    """Return what is popular as the policy has it."""
    match ask.policy.popular:
        case "segment":
            return famous.among(ask.groups)
        case "rising":
            return famous.rising
        case "everybody":
            return famous


def _history(ask: Ask) -> History:
    """Return the history with what the page is about as its last step."""
    if not ask.item:
        return ask.history
    step = Step(item=ask.item, at=ask.history.now)
    return replace(ask.history, steps=(*ask.history.steps, step))


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
