"""A slot of the admin together with the candidates that a template has for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from personalization.conf import settings
from personalization.delivery.published import Candidate, Place, Published
from personalization.delivery.trials import concerning

#: Whether somebody is in a segment is asked under such a name. That is a fact, which no page
#: shows by itself, and so nobody is held out from it.
FLAG: Final = "in_segment:"
#: So many are kept; what is made anew for every page soon makes room for the rest again.
MOST = 2000


def place_of(
    published: Published, slot: str, candidates: Sequence[Candidate], *, overlap: str = ""
) -> Place:
    """Return the slot with the candidates of its template after those from the admin.

    `overlap` is the strategy of the site, for whoever has read it already. For a tuple, the
    place is kept as long as what is published: a template has the same ones for every page.
    """
    strategy = overlap or settings.OVERLAP
    if not isinstance(candidates, tuple):
        return _joined(published, slot, candidates, strategy=strategy)
    kept = published.places
    # By identity, for it takes long to compare candidates. No others get the id of those here.
    key = (slot, strategy, id(candidates), settings.HOLDOUT, settings.GLOBAL_HOLDOUT)
    if (found := kept.get(key)) is None:
        if len(kept) >= MOST:
            kept.clear()
        place = _joined(published, slot, candidates, strategy=strategy)
        found = kept[key] = (candidates, place)
    return found[1]


def _joined(
    published: Published, slot: str, candidates: Sequence[Candidate], *, strategy: str
) -> Place:
    place = published.slots.get(slot) or Place(slot)
    joined = replace(
        place,
        candidates=(*place.candidates, *candidates),
        strategy=place.strategy or strategy,
    )
    if slot.startswith(FLAG):
        return joined
    return replace(
        joined,
        held_out=settings.HOLDOUT,
        held_out_of_all=settings.GLOBAL_HOLDOUT,
        trials=concerning(published.trials, joined),
    )
