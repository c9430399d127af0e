"""The event log as interactions: what recommenders learn from."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from personalization.ml.feedback import stored_item_events
from personalization.ml.interactions import Interactions
from personalization.ml.item_events import ItemEvents
from personalization.ml.training.columns import Columns
from personalization.ml.training.logged import done_with_items


def interactions(
    *, since: datetime, until: datetime, events: ItemEvents | None = None
) -> Interactions:
    """Return what was done with items from `since` until before `until`, by who agrees.

    By when things happened and not by when they arrived: nothing of it depends on events of
    `until` or later. `events` says which events concern items, and which speak against them;
    without, the weights of the site do. Two queries for 500 profiles.
    """
    events = events or stored_item_events()
    columns = Columns()
    for done in done_with_items(since=since, until=until, events=events):
        columns.add(done)
    against = frozenset(name for name, weight in events.weights.items() if weight < 0)
    return replace(columns.interactions(), against=against)
