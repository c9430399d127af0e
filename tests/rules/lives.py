"""What happens to visitors, done to histories: as plainly as possible, for the oracle to judge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from personalization.rules.change import Change
from personalization.rules.interval import Interval
from personalization.types import Microseconds
from tests.rules.world import Happening, History


def lived(history: History, *changes: Change) -> History:
    """Return the history after the changes."""
    for change in changes:
        events = [Happening(e.name, e.at, e.properties, e.message_id) for e in change.occurrences]
        history = replace(
            history,
            events=[*_identified(history.events), *events],
            traits={**history.traits, **change.traits},
            features={**history.features, **change.features},
            context={**history.context, **change.context},
            consents={
                purpose: True
                for purpose in {**history.consents, **change.consents}
                if change.consents.get(purpose, True)
            },
            memberships={**history.memberships, **_by_hand(history, change)},
        )
    return history


def _identified(events: Sequence[Happening]) -> list[Happening]:
    return [replace(each, id=each.id or f"{n:06}") for n, each in enumerate(events)]


def _by_hand(history: History, change: Change) -> Mapping[str, Interval]:
    known = history.memberships
    return {
        slug: Interval(change.at) if inside else Interval(known[slug].start, change.at)
        for slug, inside in change.memberships.items()
    }


def later(history: History, *, than: Microseconds) -> History:
    """Return the history with its events moved so that all happen after an instant."""
    first = min((event.at for event in history.events), default=than)
    moved = [
        replace(event, at=event.at - first + than + 1, id=f"~~{n}")
        for n, event in enumerate(history.events)
    ]
    return replace(history, events=moved)
