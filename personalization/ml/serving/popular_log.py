"""Read from the log what popularity is counted of: the newest events that concern items, of
visitors who agree to personalization now, and the segments that these are in now.

What an event says is read once, as it never changes; whose it is, whether it is still there and
whether its visitor agrees is read with every count.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import Final, NamedTuple

from personalization.clock import microseconds
from personalization.events.models import Event
from personalization.ml.consenting import CONSENTS
from personalization.ml.item_events import ItemEvents
from personalization.ml.serving.popular import Popular
from personalization.ml.serving.popular_counting import Deed, Memberships, counted, items_of
from personalization.profiles.models import Snapshot

#: None of the events is older.
WINDOW: Final = timedelta(days=14)
#: So many rows are asked for by their numbers at once.
CHUNK: Final = 2000
_COLUMNS: Final = ("pk", "timestamp", "name", "properties")


class _Row(NamedTuple):
    """An event without what it says."""

    pk: int
    profile_id: int
    at: datetime


class _Content(NamedTuple):
    """What an event says: how much, of which items. `at` tells it from another one of its number,
    where the log was put back to what it once was."""

    at: datetime
    weight: float
    items: tuple[str, ...]


class Log:
    """The newest `n` events; what they say is kept for whoever counts again."""

    def __init__(self, *, n: int) -> None:
        self.n = n
        self._known: tuple[ItemEvents, Mapping[int, _Content]] = (ItemEvents({}), {})

    def count(self, *, events: ItemEvents, now: datetime, since: datetime | None = None) -> Popular:
        """Count what is popular (three queries, and some more for what was not read before).

        `since` is when the oldest event of a count happened that had all of `n`: to find the
        newest ones, no older one has to be looked at while there are as many.
        """
        rows = self._rows(events, now=now, since=since)
        contents = self._contents(rows, events)
        deeds = [
            Deed(row.profile_id, content.items, content.weight, row.at)
            for row in rows
            if (content := contents.get(row.pk)) is not None  # else it was erased meanwhile
        ]
        visitors = {deed.profile_id for deed in deeds}
        return counted(deeds, now=now, memberships=memberships_of(visitors, now=now))

    def _rows(self, events: ItemEvents, *, now: datetime, since: datetime | None) -> Sequence[_Row]:
        oldest = now - WINDOW
        if since is not None and since > oldest:
            rows = self._since(since, events)
            if len(rows) == self.n:
                return rows
        return self._since(oldest, events)

    def _since(self, since: datetime, events: ItemEvents) -> Sequence[_Row]:
        names = sorted(name for name in events.names if events.weights[name] > 0)
        agreeing = {f"identity__profile__snapshot__{CONSENTS}": True}
        rows = Event.objects.filter(name__in=names, timestamp__gte=since, **agreeing)
        columns = ("pk", "identity__profile", "timestamp")
        return [
            _Row(*row) for row in rows.order_by("-timestamp", "-pk").values_list(*columns)[: self.n]
        ]

    def _contents(self, rows: Sequence[_Row], events: ItemEvents) -> Mapping[int, _Content]:
        before, known = self._known
        if before != events:  # somebody has weighed events anew
            known = {}
        contents = {
            row.pk: content
            for row in rows
            if (content := known.get(row.pk)) is not None and content.at == row.at
        }
        new = [row.pk for row in rows if row.pk not in contents]
        oldest, weights = min((row.at for row in rows), default=None), events.weights
        for chunk in _chunks(new):
            read = Event.objects.filter(pk__in=chunk, timestamp__gte=oldest)
            for pk, at, name, properties in read.values_list(*_COLUMNS):
                items = items_of(name, properties, events=events)
                contents[pk] = _Content(at, weights.get(name, 0.0), items)
        self._known = (events, contents)
        return contents


def memberships_of(profile_ids: Collection[int], *, now: datetime) -> Memberships:
    """Return which segments the profiles are in, as their snapshots say it."""
    at = microseconds(now)
    return {
        profile: [
            version
            for version, (since, until, *_) in memberships.items()
            if since is not None and since <= at and (until is None or at < until)
        ]
        for chunk in _chunks(profile_ids)
        for profile, memberships in Snapshot.objects.filter(pk__in=chunk).values_list(
            "pk", "memberships"
        )
        if memberships
    }


def _chunks(numbers: Collection[int]) -> Iterator[list[int]]:
    left = iter(numbers)
    while chunk := list(islice(left, CHUNK)):
        yield chunk
