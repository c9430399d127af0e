"""Variations whose content is a list of recommended items.

Wherever a slot is shown (in the page, by the answer to a browser, as a piece of HTML), what
its variation says is made a list first. A list that has nothing leaves the default.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

from personalization.delivery.attempt import attempt
from personalization.delivery.choose import Decision
from personalization.delivery.list_marker import is_list, read_marker
from personalization.delivery.published import Candidate
from personalization.delivery.recommendations import INLINE, USUAL, List, Wanted, wanted_of

#: Makes the list that is wanted; an empty one where it cannot.
Make: TypeAlias = Callable[[Wanted], List]


def wanted_by(content: str, *, slot: str, mode: str = INLINE) -> Wanted:
    """Return the list that a content asks for; its place is the slot, unless it says another.

    :raises ValueError: if it says what cannot be.
    """
    said = read_marker(content)
    return wanted_of(said.get("place", slot), n=said.get("limit", USUAL), mode=mode)


def with_lists(
    decision: Decision, make: Make, *, mode: str = INLINE
) -> tuple[Decision, tuple[List, ...]]:
    """Return the decision with the HTML of its lists as contents, and these lists.

    What has an empty list is shown no more; where nothing else is, it is the default.
    """
    if not any(is_list(one.content) for one in decision.candidates):
        return decision, ()
    shown: list[Candidate] = []
    lists: list[List] = []
    for one in decision.candidates:
        if not is_list(one.content):
            shown.append(one)
            continue
        found = _list(one, decision.slot, make, mode=mode)
        html = "" if found is None else str(found)
        if found is not None and html:
            shown.append(replace(one, content=html))
            lists.append(found)
    if not shown:
        return replace(decision, candidate=None, more=(), reason="no_match"), ()
    return replace(decision, candidate=shown[0], more=tuple(shown[1:])), tuple(lists)


def _list(candidate: Candidate, slot: str, make: Make, *, mode: str) -> List | None:
    found = attempt(
        lambda: make(wanted_by(candidate.content, slot=slot, mode=mode)),
        otherwise=None,
        what=f"The list of {candidate.key}",
    )
    return found if found is not None and found.found else None
