"""The items that may be recommended, in memory: read once, and then only what has changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cached_property, lru_cache
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from django.db.models import QuerySet

from personalization.ml.item_revisions import ItemsRevision, items_revision
from personalization.ml.models import Item
from personalization.ml.serving.kept import Kept
from personalization.ml.serving.shelf_index import Index, Place, index_of

#: How soon a changed item is seen.
FRESH: Final = timedelta(seconds=15)
#: More are not kept: those that changed last are.
MOST: Final = 100_000
#: So many rows are read while a visitor waits; more are read beside, and the shelf stays as it
#: was until then. The first one has so many items at first.
AT_ONCE: Final = 1_000

_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class ShelfItem:
    """An item as pages show it."""

    key: str
    kind: str = ""
    title: str = ""
    url: str = ""
    image: str = ""
    category: str = ""
    tags: tuple[str, ...] = ()
    price: Decimal | None = None
    attributes: Mapping[str, Any] = field(
        default_factory=lambda: _NOTHING, hash=False, compare=False
    )
    first_seen: datetime | None = None
    #: What it has in common with others: its category and its tags.
    marks: frozenset[str] = field(default=frozenset(), init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "marks", _marks(self.category, self.tags))

    def __str__(self) -> str:
        return self.title or self.key


@lru_cache(maxsize=10_000)  # many items have the same ones
def _marks(category: str, tags: tuple[str, ...]) -> frozenset[str]:
    marks = {f"tag:{tag}" for tag in tags}
    return frozenset(marks | {f"category:{category}"} if category else marks)


@dataclass(frozen=True, eq=False)
class Shelf:
    """Active items by key, those that changed last at the end. One that has changed is another one.

    `revision` is up to where it has all changes.
    """

    items: Mapping[str, ShelfItem] = field(default_factory=dict)
    revision: ItemsRevision = ItemsRevision()

    def find(self, place: Place, value: str) -> tuple[str, ...]:
        """Return the keys of the items of a kind or category, or with a tag."""
        return self.index.places.get((place, value), ())

    def priced(self, low: Decimal, high: Decimal) -> tuple[str, ...]:
        """Return the keys of the items of a price in a range, both ends included."""
        return self.index.priced(low, high)

    @cached_property
    def newest(self) -> tuple[str, ...]:
        """Keys, those first that were seen first not long ago."""
        return tuple(key for _, key in reversed(self.index.dates))

    @cached_property
    def index(self) -> Index:
        return index_of(self.items.values())

    def changed(self, rows: Sequence[_Row], revision: ItemsRevision) -> Shelf:
        """Return the shelf with what was written since, at the cost of copying what it holds."""
        kept = dict(self.items)
        gone = [one for row in rows if (one := kept.pop(row.key, None)) is not None]
        new = [row.item() for row in rows if row.is_active]
        kept |= {one.key: one for one in new}
        for key in list(kept)[: max(len(kept) - MOST, 0)]:
            gone.append(kept.pop(key))
        found = Shelf(kept, revision)
        if "index" in self.__dict__:
            came = [one for one in new if one.key in kept]
            was = [one for one in gone if self.items.get(one.key) is one]
            found.__dict__["index"] = self.index.changed(gone=was, new=came)
        return found


def shelf_of(items: Iterable[ShelfItem]) -> Shelf:
    return Shelf({one.key: one for one in items})


class _Row(NamedTuple):
    """The columns that are read: texts are long, and no page shows them."""

    key: str
    kind: str
    title: str
    url: str
    image: str
    category: str
    tags: Any
    price: Decimal | None
    attributes: Any
    first_seen: datetime
    is_active: bool

    def item(self) -> ShelfItem:
        tags = self.tags if isinstance(self.tags, list) else ()
        attributes = self.attributes if isinstance(self.attributes, dict) else {}
        return ShelfItem(
            key=self.key,
            kind=self.kind,
            title=self.title,
            url=self.url,
            image=self.image,
            category=self.category,
            tags=tuple(tag for tag in tags if isinstance(tag, str)),
            price=self.price,
            attributes=MappingProxyType(attributes) if attributes else _NOTHING,
            first_seen=self.first_seen,
        )


def _read(before: Shelf | None, now: datetime) -> Shelf:
    """Return the shelf as it is, or as it was while a thread reads what is too much for now."""
    if before is not None and _kept.is_read_aside:
        return before
    revision = items_revision()
    if before is not None and before.revision == revision:
        return before
    if before is not None and before.revision.deleted == revision.deleted:
        since = before.revision.written
        rows = _rows(Item.objects.filter(revision__gt=since).order_by("revision")[: AT_ONCE + 1])
        if len(rows) <= AT_ONCE:
            after = before.changed(rows, revision)
            if not len(after.items) < len(before.items) == MOST:
                return after
            before = after  # there is room again for others
    rows = _newest(AT_ONCE + 1)
    if len(rows) <= AT_ONCE:
        return _shelf(rows, revision)
    before = before or _shelf(rows, ItemsRevision())
    _kept.read_aside(before, _read_whole)
    return before


def _read_whole() -> Shelf:
    revision = items_revision()  # first: what is written meanwhile is read again
    found = _shelf(_newest(MOST), revision)
    _ = found.index  # the first visitor after it does not wait for that either
    return found


def _newest(n: int) -> list[_Row]:
    """Return the active items that changed last, the last one first."""
    return _rows(Item.objects.filter(is_active=True).order_by("-revision", "-pk")[:n])


def _rows(items: QuerySet[Item]) -> list[_Row]:
    rows = items.values_list(*_Row._fields)
    return [_Row(*row) for row in rows.iterator(chunk_size=AT_ONCE)]


def _shelf(rows: Sequence[_Row], revision: ItemsRevision) -> Shelf:
    return Shelf({row.key: row.item() for row in reversed(rows[:MOST])}, revision)


_kept: Kept[Shelf] = Kept(_read, fresh=FRESH)


def shelf(*, now: datetime) -> Shelf:
    """Return the items that may be recommended."""
    return _kept.at(now)


def forget() -> None:
    """Read the items anew (tests that roll the database back need it)."""
    _kept.forget()
