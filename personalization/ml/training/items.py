"""Keep the items up to what events and the tables of the site say of them.

Of kinds that the site has registered, the tables say everything and events nothing. Nothing is
ever deleted: what is gone may not be recommended any more, and keeps what was learned of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice

from django.core.cache import cache
from django.db.models import Max

from personalization.clock import microseconds, moment
from personalization.events.models import Event, Source
from personalization.ml.consenting import CONSENTS
from personalization.ml.feedback import stored_item_events
from personalization.ml.item_events import ItemEvents, is_view
from personalization.ml.item_words import kind_of, words_of
from personalization.ml.models import Item
from personalization.ml.sources import item_sources
from personalization.ml.training.heard import Heard
from personalization.ml.training.item_rows import (
    CHUNK,
    TOLD_BY_SERVER,
    as_read,
    change,
    create,
    items_by_key,
    known_of,
    save,
    touch,
)
from personalization.ml.training.tables import Synced, sync_source

#: Items that are listened to at once: no sender fills the memory.
MOST_HEARD = 50_000
#: How far before the end of the last run a run begins: events come late.
LATE = timedelta(hours=1)
_CURSOR = "personalization.items.read_until"

HeardOf = Mapping[str, Heard]


@dataclass(frozen=True, kw_only=True)
class Report:
    """What a run did: items that events told of, and what became of each kind."""

    fed: int
    sources: Mapping[str, Synced] = field(default_factory=dict)

    @property
    def total(self) -> int:
        return self.fed + sum(synced.total for synced in self.sources.values())


def sync_items(*, now: datetime) -> int:
    """Bring all items up to date; return how many were created or changed."""
    return synced_items(now=now).total


def synced_items(*, now: datetime, whole: bool = False) -> Report:
    """Bring all items up to date, and tell what that did.

    Of events, those since an hour before the last run; of `whole`, all that are kept.
    """
    since = None if whole else _since()
    # First the tables, so that events find out what they say nothing of.
    sources = {kind: sync_source(source, now=now) for kind, source in item_sources.items()}
    fed = feed_items(since=since, until=now, events=stored_item_events())
    cache.set(_CURSOR, microseconds(now), timeout=None)
    return Report(fed=fed, sources=sources)


def _since() -> datetime | None:
    """Return from when events are read; without a cache, as far as items show they were."""
    kept = cache.get(_CURSOR)
    if kept is None:
        newest: datetime | None = Item.objects.aggregate(newest=Max("updated_at"))["newest"]
    else:
        newest = moment(kept)
    return None if newest is None else newest - LATE


def feed_items(*, since: datetime | None, until: datetime, events: ItemEvents) -> int:
    """Create and change items by what events of [since, until) say; return how many.

    Only events of visitors who agree to personalization, as only their interest is learned from.
    """
    done = 0
    for heard in _hear(since=since, until=until, events=events):
        keys = iter(heard)
        while chunk := list(islice(keys, CHUNK)):
            done += _write({key: heard[key] for key in chunk})
    return done


def _hear(*, since: datetime | None, until: datetime, events: ItemEvents) -> Iterator[HeardOf]:
    taken = frozenset(item_sources.names())
    names = sorted(name for name in events.names if kind_of(name) not in taken)
    rows = Event.objects.filter(
        name__in=names, timestamp__lt=until, **{f"identity__profile__snapshot__{CONSENTS}": True}
    )
    if since is not None:
        rows = rows.filter(timestamp__gte=since)
    heard: dict[str, Heard] = {}
    columns = ("timestamp", "message_id", "name", "properties", "context__page__path")
    for at, message_id, name, properties, page, kind, visitor in rows.values_list(
        *columns, "source__kind", "identity__profile_id"
    ).iterator(chunk_size=2000):
        trusted = kind == Source.Kind.SERVER
        for key, said in events.described(name, properties):
            item = heard.get(key)
            if item is None:
                item = heard[key] = Heard(kind_of(name), first=at, newest=at)
            item.seen(at, kind_of(name))
            words = words_of(said, page=page if is_view(name) else None, trusted=trusted)
            if trusted:
                item.told(words, (at, message_id))
            else:
                item.claimed(words, (at, message_id), visitor=visitor)
        if len(heard) >= MOST_HEARD:
            yield heard
            heard = {}
    yield heard


def _write(heard: HeardOf) -> int:
    known = items_by_key(heard)
    before = as_read(known.values())
    changed: list[Item] = []
    spoken_of: list[Item] = []
    for key, item in known.items():
        if item_sources.get(item.kind) is not None:
            continue
        if _is_changed(item, heard[key]):
            changed.append(item)
        elif heard[key].newest > item.updated_at:
            spoken_of.append(item)
        item.updated_at = max(item.updated_at, heard[key].newest)
    save(changed, before=before)
    touch(spoken_of)
    created = create([_new(key, item) for key, item in heard.items() if key not in known])
    return created + len(changed)


def _is_changed(item: Item, heard: Heard) -> bool:
    """Put what was heard into the item; return whether anything of it is different."""
    known = known_of(item)
    said = heard.changes(known, newest=item.updated_at)
    if TOLD_BY_SERVER in item.attributes:
        # What the site itself has said, browsers add to and do not change.
        said = {
            name: value
            for name, value in said.items()
            if name in heard.trusted or not known.get(name)
        }
    before = (item.kind, item.first_seen, item.attributes)
    _take_over(item, heard, said)
    item.first_seen = min(item.first_seen, heard.first)
    item.kind = item.kind or heard.kind
    return bool(said) or (item.kind, item.first_seen, item.attributes) != before


def _new(key: str, heard: Heard) -> Item:
    item = Item(key=key, kind=heard.kind, first_seen=heard.first, updated_at=heard.newest)
    _take_over(item, heard, heard.changes({}, newest=None))
    return item


def _take_over(item: Item, heard: Heard, said: Mapping[str, object]) -> None:
    change(item, said)
    if heard.trusted:
        item.attributes = {**item.attributes, TOLD_BY_SERVER: True}
