"""Items as rows: read and written hundreds at a time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from personalization import bulk
from personalization.ml.item_revisions import next_revision
from personalization.ml.item_words import Words
from personalization.ml.models import Item

#: Items that are read and written by one statement each.
CHUNK: Final = 500

#: Attributes of our own: a server has told of it; the table it was from has it no more.
TOLD_BY_SERVER: Final = "told_by_server"
GONE: Final = "gone"
_OWN: Final = frozenset({TOLD_BY_SERVER, GONE})

_SAID: Final = ("title", "url", "image", "category", "tags", "text", "price")


def items_by_key(keys: Iterable[str]) -> dict[str, Item]:
    """Return the items that there are of these keys (one query)."""
    return {item.key: item for item in Item.objects.filter(key__in=list(keys)).order_by("pk")}


def known_of(item: Item) -> dict[str, Any]:
    """Return what is known of an item, as `Words` say it."""
    known = {name: getattr(item, name) for name in _SAID}
    return {**known, "tags": tuple(item.tags), "attributes": attributes_of(item)}


def attributes_of(item: Item) -> dict[str, Any]:
    """Return the attributes without those of our own."""
    return {name: value for name, value in item.attributes.items() if name not in _OWN}


def change(item: Item, said: Mapping[str, Any]) -> None:
    """Put what is said into the item, which is not saved; attributes of our own stay."""
    for name in _SAID:
        if name in said:
            setattr(item, name, said[name])
    if "attributes" in said:
        own = {name: value for name, value in item.attributes.items() if name in _OWN}
        item.attributes = {**said["attributes"], **own}


def new_item(key: str, *, kind: str, words: Words, first: datetime, newest: datetime) -> Item:
    item = Item(key=key, kind=kind, first_seen=first, updated_at=newest)
    change(item, words.said())
    return item


def create(items: Sequence[Item]) -> int:
    """Write items that are new, unless somebody else has just done so; return how many."""
    if not items:
        return 0
    with next_revision() as revision:
        rows = [_row(item, revision) for item in items]
        return len(bulk.insert_new(Item, rows, key=("key",)))


def as_read(items: Iterable[Item]) -> dict[int, bulk.Row]:
    """Return the columns of items by their numbers, as they are before anything is put into them."""
    return {item.pk: _columns(item) for item in items}


def save(items: Sequence[Item], *, before: Mapping[int, bulk.Row]) -> None:
    """Write of items that there are what is another than it was `before`, and nothing else: what
    an operator has put out of use meanwhile stays so. One statement for all of the same columns.
    """
    if not items:
        return
    with next_revision() as revision:
        alike: dict[tuple[str, ...], list[bulk.Row]] = {}
        for item in items:
            old = before[item.pk]
            row = {name: value for name, value in _columns(item).items() if value != old[name]}
            alike.setdefault(tuple(row), []).append({"id": item.pk, **row, "revision": revision})
        for rows in alike.values():
            bulk.update(Item, rows, key="id")


def touch(items: Sequence[Item]) -> None:
    """Write when items were spoken of, and nothing else of them.

    No page shows that, so processes have nothing to read again.
    """
    bulk.update(Item, [{"id": item.pk, "updated_at": item.updated_at} for item in items], key="id")


def _row(item: Item, revision: int) -> bulk.Row:
    return {**_columns(item), "revision": revision}


def _columns(item: Item) -> bulk.Row:
    return {
        "key": item.key,
        "kind": item.kind,
        "title": item.title,
        "url": item.url,
        "image": item.image,
        "category": item.category,
        "tags": list(item.tags),
        "text": item.text,
        # As text: neither JSON nor SQLite has decimal numbers.
        "price": None if item.price is None else str(item.price),
        "attributes": item.attributes,
        "is_active": item.is_active,
        "first_seen": item.first_seen,
        "updated_at": item.updated_at,
    }
