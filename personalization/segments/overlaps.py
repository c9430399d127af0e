"""What a visitor in several segments sees: pure, candidates in, candidates out.

A slot has candidates, in order; each names segments. Several match when the visitor is in
segments of several, and a strategy decides between them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import fsum
from typing import Protocol, TypeVar


class Contender(Protocol):
    """What can be shown to the members of any of `segments` (slugs).

    `share` is how much of chance it gets, beside others that match.
    """

    @property
    def segments(self) -> tuple[str, ...]: ...

    @property
    def share(self) -> float: ...


C = TypeVar("C", bound=Contender)

Weights = Mapping[str, float]

#: What `PERSONALIZATION_OVERLAP` and a slot may say.
STRATEGIES = ("priority", "weight", "random", "all")
#: What weighs nothing in particular weighs so much, as a segment does that nobody touched.
_USUAL = 1.0


def chosen(
    strategy: str,
    candidates: Sequence[C],
    *,
    segments: frozenset[str],
    weights: Weights,
    lot: float = 0.0,
) -> tuple[C, ...]:
    """Return what is shown to a visitor who is in `segments`, first things first.

    None match: an empty tuple. `all` gives every candidate that matches; `weight` the one
    with the highest score, and of those the first; `random` the one that `lot`, a number in
    [0, 1), falls on, each as often as its share says; `priority` the first, for candidates
    stand in the order of their priorities. `weights` are by slug. What is no strategy is
    taken for `priority`: the system check tells, and a page goes on.
    """
    matching = (each for each in candidates if not segments.isdisjoint(each.segments))
    if strategy == "all":
        return tuple(matching)
    if strategy == "weight":
        found = list(matching)
        scores = [score(each, segments=segments, weights=weights) for each in found]
        return (found[scores.index(max(scores))],) if found else ()
    if strategy == "random":
        return _drawn(tuple(matching), lot)
    first = next(matching, None)
    return () if first is None else (first,)


def _drawn(candidates: tuple[C, ...], lot: float) -> tuple[C, ...]:
    """Return the candidate in whose part of the whole `lot` lies; none has a share: none."""
    rest = lot * fsum(one.share for one in candidates)
    last: tuple[C, ...] = ()
    for one in candidates:
        if one.share > 0:
            if rest < one.share:
                return (one,)
            last = (one,)  # for what is lost to rounding
        rest -= one.share
    return last


def chance(candidate: C, candidates: Sequence[C], *, segments: frozenset[str]) -> float:
    """Return how likely `random` shows the candidate to a visitor who is in `segments`."""
    matching = (one for one in candidates if not segments.isdisjoint(one.segments))
    return candidate.share / fsum(one.share for one in matching)


def score(candidate: Contender, *, segments: frozenset[str], weights: Weights) -> float:
    """Return the sum of the weights of those `segments` that the candidate names, each once."""
    # Exactly rounded, so that it does not depend on the order of the names.
    return fsum(weights.get(slug, _USUAL) for slug in segments.intersection(candidate.segments))
