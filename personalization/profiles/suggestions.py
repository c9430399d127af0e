"""Profiles that may be one person, with a probability; an operator decides, never we.

Only pairs that agree on something rare are looked at. What each agreement says is
learnt from the pairs themselves, see `fellegi_sunter.py`.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

from personalization.profiles.fellegi_sunter import Model, Pattern, bounded, estimate

#: How often each comparison agrees for two profiles of one person, before anything is
#: learnt; those that a pair is found by are marked.
COMPARISONS: Mapping[str, float] = {
    "email": 0.8, "phone": 0.85, "name": 0.9, "birthday": 0.95, "city": 0.8,
    "network": 0.6, "agent": 0.3, "daytime": 0.4,
}  # fmt: skip
FOUND_BY = ("email", "phone", "name", "network")
#: More profiles than this that share a value say nothing: a shop's address, an office.
LARGEST_BLOCK = 50
#: How many other profiles of the same person there are for one, before anything is learnt,
#: and how many pairs of one person what is assumed counts for.
_DOUBLES, _STRENGTH = 0.1, 10.0

Pair = tuple[int, int]


@dataclass(frozen=True)
class Portrait:
    """What is compared of a profile: for each comparison the values it has."""

    profile_id: int
    values: Mapping[str, frozenset[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Suggestion:
    """Two profiles, the smaller number first; `weights` has the comparisons that were made."""

    pair: Pair
    probability: float
    weights: Mapping[str, tuple[bool, float]]


def suggest(
    portraits: Sequence[Portrait], *, apart: Collection[Pair] = (), at_least: float
) -> list[Suggestion]:
    """Return the pairs that are one person with a probability of `at_least`, best first.

    `apart` are pairs that nobody needs to look at again.
    """
    by_id = {portrait.profile_id: portrait for portrait in portraits}
    pairs = _candidates(portraits) - set(apart)
    patterns = {pair: _pattern(by_id[pair[0]], by_id[pair[1]]) for pair in pairs}
    model = _learnt(patterns.values(), portraits)
    found = [_suggestion(pair, pattern, model) for pair, pattern in patterns.items()]
    likely = [each for each in found if each.probability >= at_least]
    return sorted(likely, key=lambda each: (-each.probability, each.pair))


def _learnt(patterns: Collection[Pattern], portraits: Sequence[Portrait]) -> Model:
    """Chance is that of any two profiles, so the prior is too: those that agree on nothing
    rare count as different."""
    n = len(portraits)
    start = Model(
        prior=bounded(_DOUBLES / max(n - 1, 1)),
        m=tuple(COMPARISONS.values()),
        u=_chances(portraits),
    )
    unseen = n * (n - 1) // 2 - len(patterns)
    return estimate(Counter(patterns), start=start, strength=_STRENGTH, unseen=unseen)


def _suggestion(pair: Pair, pattern: Pattern, model: Model) -> Suggestion:
    told = zip(COMPARISONS, pattern, model.weights(pattern), strict=True)
    weights = {name: (agrees, weight) for name, agrees, weight in told if agrees is not None}
    return Suggestion(pair, model.probability(pattern), weights)


def _candidates(portraits: Iterable[Portrait]) -> set[Pair]:
    blocks: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    for portrait in portraits:
        for name in FOUND_BY:
            for value in portrait.values.get(name, ()):
                blocks[name, value].append(portrait.profile_id)
    return {
        pair
        for block in blocks.values()
        if len(block) <= LARGEST_BLOCK
        for pair in combinations(sorted(block), 2)
    }


def _pattern(one: Portrait, other: Portrait) -> Pattern:
    agrees = {name: _agrees(one.values.get(name), other.values.get(name)) for name in COMPARISONS}
    if agrees["network"]:
        # Who shares a network is in one place: to say it twice would make families one person.
        agrees["city"] = None
    return tuple(agrees.values())


def _agrees(one: frozenset[str] | None, other: frozenset[str] | None) -> bool | None:
    return not one.isdisjoint(other) if one and other else None


def _chances(portraits: Sequence[Portrait]) -> tuple[float, ...]:
    """Return for each comparison how often two profiles taken at random agree."""
    return tuple(_chance([each.values.get(name) for each in portraits]) for name in COMPARISONS)


def _chance(values: Iterable[frozenset[str] | None]) -> float:
    known = [each for each in values if each]
    counts = Counter(value for each in known for value in each)
    pairs = len(known) * (len(known) - 1)
    agreeing = sum(n * (n - 1) for n in counts.values())
    # One more pair of each kind: what was never seen is rare, not impossible.
    return min(bounded((agreeing + 1) / (pairs + 2)), 0.9)


# -- traits as they are compared -------------------------------------------------------------


def compared_traits(traits: Mapping[str, Any]) -> dict[str, frozenset[str]]:
    """Return the values of the traits of Segment's spec that are compared, made alike."""
    address = traits.get("address")
    city = traits.get("city") or (address.get("city") if isinstance(address, Mapping) else None)
    full = " ".join(str(traits.get(part) or "") for part in ("firstName", "lastName"))
    texts = {
        "email": _text(traits.get("email")),
        "phone": re.sub(r"\D", "", _text(traits.get("phone"))),
        "name": " ".join(sorted(re.findall(r"\w+", _text(traits.get("name")) or _text(full)))),
        "birthday": _text(traits.get("birthday"))[:10],
        "city": _text(city),
    }
    return {name: frozenset([text]) for name, text in texts.items() if text}


def _text(value: Any) -> str:
    """Return the text without marks and case; only texts and numbers say anything."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return ""
    decomposed = unicodedata.normalize("NFKD", str(value))
    return "".join(c for c in decomposed if not unicodedata.combining(c)).casefold().strip()
