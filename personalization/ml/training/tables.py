"""Bring the items of one kind up to the table of the site that they are from."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice

from django.db.models import Model

from personalization.ml.item_words import Words
from personalization.ml.models import Item
from personalization.ml.sources import BadRow, ItemSource, item_sources
from personalization.ml.training.item_rows import (
    CHUNK,
    GONE,
    as_read,
    attributes_of,
    change,
    create,
    items_by_key,
    known_of,
    new_item,
    save,
)

logger = logging.getLogger(__name__)

#: Sentences about rows that are kept; the rest are counted.
MOST_PROBLEMS = 20


@dataclass(slots=True)
class Synced:
    """What became of the items of one source."""

    created: int = 0
    changed: int = 0
    gone: int = 0
    refused: int = 0
    #: Why rows were refused, the first of them.
    problems: list[str] = field(default_factory=list)

    @property
    def total(self) -> int:
        return self.created + self.changed + self.gone

    def refuse(self, problem: str) -> None:
        self.refused += 1
        if len(self.problems) < MOST_PROBLEMS:
            self.problems.append(problem)


def sync_source(source: ItemSource, *, now: datetime) -> Synced:
    """Create and change items as the table has them, and put out of use those it has no more.

    A row that cannot be an item is refused with a sentence, and the others are not held up.
    What an operator has put out of use stays so.
    """
    synced = Synced()
    kept: set[str] = set()
    rows = source.rows().iterator(chunk_size=CHUNK)
    while chunk := list(islice(rows, CHUNK)):
        read = _read(source, chunk, kept, synced)
        kept |= read.keys()
        _write(source, read, synced, now=now)
    _put_out_of_use(source, kept, synced, now=now)
    if synced.refused:
        logger.warning(
            "%d rows of %s are no items: %s",
            synced.refused,
            source.kind,
            synced.problems[0],
            extra={"action": "items_refused"},
        )
    return synced


def _read(
    source: ItemSource, rows: Sequence[Model], kept: set[str], synced: Synced
) -> dict[str, Words]:
    read: dict[str, Words] = {}
    for row in rows:
        try:
            key, words = source.item(row)
        except BadRow as problem:
            synced.refuse(str(problem))
            continue
        if key in kept or key in read:
            synced.refuse(f"{source.kind} {row.pk} has the key “{key}” of another one.")
            continue
        read[key] = words
    return read


def _write(source: ItemSource, read: Mapping[str, Words], synced: Synced, *, now: datetime) -> None:
    known = items_by_key(read)
    before = as_read(known.values())
    changed: list[Item] = []
    for key, item in known.items():
        if item.kind != source.kind and item_sources.get(item.kind) is not None:
            synced.refuse(
                f"{source.kind} “{key}” has the key of a {item.kind}; give register a `key` that "
                "tells kinds apart."
            )
        elif _is_changed(item, read[key], kind=source.kind):
            item.updated_at = now
            changed.append(item)
    save(changed, before=before)
    synced.changed += len(changed)
    synced.created += create(
        [
            new_item(key, kind=source.kind, words=words, first=now, newest=now)
            for key, words in read.items()
            if key not in known
        ]
    )


def _is_changed(item: Item, words: Words, *, kind: str) -> bool:
    """Put the words into the item; return whether anything was different."""
    said = {name: getattr(words, name) for name in words.__dataclass_fields__}
    came_back = GONE in item.attributes
    if known_of(item) == said and item.kind == kind and not came_back:
        return False
    item.kind = kind
    change(item, said)
    if came_back:
        item.attributes = attributes_of(item)
        item.is_active = True
    return True


def _put_out_of_use(source: ItemSource, kept: set[str], synced: Synced, *, now: datetime) -> None:
    """No longer recommend what the table has no more; when it comes back, it is again."""
    rows = Item.objects.filter(kind=source.kind, is_active=True).order_by("pk")
    numbers = (
        number
        for number, key in rows.values_list("pk", "key").iterator(chunk_size=10_000)
        if key not in kept
    )
    while chunk := list(islice(numbers, CHUNK)):
        gone = list(Item.objects.filter(pk__in=chunk))
        before = as_read(gone)
        for item in gone:
            item.is_active = False
            item.attributes = {**item.attributes, GONE: True}
            item.updated_at = now
        save(gone, before=before)
        synced.gone += len(gone)
