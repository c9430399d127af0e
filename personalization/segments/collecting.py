"""Which events live rules use, by themselves and through the features that they look at.

A rule over events of any name uses none in particular: it counts what comes anyway.
"""

from __future__ import annotations

from collections.abc import Iterator

from personalization.events.collection import uses
from personalization.profiles.features import INTEREST, definitions
from personalization.rules.need import ANY
from personalization.segments.live import LiveRules, live_rules

_FEATURE = "feature:"

#: What was found last, for the rules it was found in.
_found: tuple[LiveRules, frozenset[str]] | None = None


@uses.register("rules")
def events_of_live_rules() -> frozenset[str]:
    """Return the names of the events, worked out once for each revision (one read)."""
    global _found
    live = live_rules()
    found = _found  # another thread may replace it meanwhile
    if found is None or found[0] is not live:
        found = _found = (live, events_of(live))
    return found[1]


def events_of(live: LiveRules) -> frozenset[str]:
    """Return the names of the events that can change what the rules say of anybody."""
    return live.plan.events.union(*(_events_of(name, live) for name in _features(live))) - {ANY}


def _features(live: LiveRules) -> set[str]:
    return {token.removeprefix(_FEATURE) for token in _tokens(live) if token.startswith(_FEATURE)}


def _tokens(live: LiveRules) -> Iterator[str]:
    for version in live.versions.values():
        if version.rule is not None:
            for leaf in version.rule.leaves():
                yield from leaf.depends_on()


def _events_of(feature: str, live: LiveRules) -> frozenset[str]:
    """Return the events that a feature adds up; one that rules decide has none of its own."""
    if feature == INTEREST:
        return frozenset(live.plan.weights)
    definition = definitions.get(feature)
    return (definition and definition.events) or frozenset()
