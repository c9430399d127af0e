"""The items that may be recommended, in memory: read once, and then only what has changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cached_property
from types import MappingProxyType
from typing import Any, Final, Literal, TypeAlias

from django.db.models import Count, Max, Q

from personalization.ml.models import Item
from personalization.ml.serving.kept import Kept

#: How soon a changed item is seen.
FRESH: Final = timedelta(seconds=15)
#: More are not kept: those that changed last are.
MOST: Final = 100_000

#: By what rules for recommendations find items in the shelf.
Place: TypeAlias = Literal["kind", "category", "tag"]


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
        default_factory=lambda: MappingProxyType({}), hash=False, compare=False
    )
    first_seen: datetime | None = None
    #: What it has in common with others: its category and its tags.
    marks: frozenset[str] = field(default=frozenset(), init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        category = {f"category:{self.category}"} if self.category else set()
        object.__setattr__(self, "marks", frozenset(category | {f"tag:{tag}" for tag in self.tags}))

    def __str__(self) -> str:
        return self.title or self.key


#: What tells whether anything has changed: how many there are, how many of them are active,
#: and when one was written last.
_State: TypeAlias = tuple[int, int, datetime | None]


@dataclass(frozen=True, eq=False)
class Shelf:
    """Active items by key, those that came last first. One that has changed is another one."""

    items: Mapping[str, ShelfItem] = field(default_factory=dict)
    state: _State = (0, 0, None)

    def find(self, place: Place, value: str) -> tuple[str, ...]:
        """Return the keys of the items of a kind or category, or with a tag."""
        return self._index.get((place, value), ())

    @cached_property
    def newest(self) -> tuple[str, ...]:
        """Keys, those first that were seen first not long ago."""
        dated = [one for one in self.items.values() if one.first_seen is not None]
        return tuple(
            one.key for one in sorted(dated, key=lambda one: str(one.first_seen), reverse=True)
        )

    @cached_property
    def _index(self) -> Mapping[tuple[Place, str], tuple[str, ...]]:
        found: dict[tuple[Place, str], list[str]] = {}
        for one in self.items.values():
            found.setdefault(("kind", one.kind), []).append(one.key)
            found.setdefault(("category", one.category), []).append(one.key)
            for tag in dict.fromkeys(one.tags):
                found.setdefault(("tag", tag), []).append(one.key)
        return {place: tuple(keys) for place, keys in found.items()}


def shelf_of(items: Iterable[ShelfItem]) -> Shelf:
    return Shelf({one.key: one for one in items})


def _read(before: Shelf | None, now: datetime) -> Shelf:
    """Return the shelf as it is: as it was, or with what was written since, or read anew."""
    state = _state()
    if before is not None and state == before.state:
        return before
    written = before.state[2] if before is not None else None
    if before is not None and written is not None:
        kept = dict(before.items)
        for row in _rows().filter(updated_at__gte=written):
            kept.pop(row.key, None)
            if row.is_active:
                kept[row.key] = _item(row)
        if len(kept) == min(state[1], MOST):
            return Shelf(kept, state)
    active = _rows().filter(is_active=True).order_by("-updated_at", "-pk")[:MOST]
    return Shelf({row.key: _item(row) for row in active.iterator(chunk_size=2000)}, state)


def _state() -> _State:
    found = Item.objects.aggregate(
        n=Count("pk"), active=Count("pk", filter=Q(is_active=True)), last=Max("updated_at")
    )
    return found["n"], found["active"], found["last"]


def _rows() -> Any:
    return Item.objects.defer("text")


def _item(row: Item) -> ShelfItem:
    tags = row.tags if isinstance(row.tags, list) else []
    attributes = row.attributes if isinstance(row.attributes, dict) else {}
    return ShelfItem(
        key=row.key,
        kind=row.kind,
        title=row.title,
        url=row.url,
        image=row.image,
        category=row.category,
        tags=tuple(tag for tag in tags if isinstance(tag, str)),
        price=row.price,
        attributes=MappingProxyType(attributes),
        first_seen=row.first_seen,
    )


_kept: Kept[Shelf] = Kept(_read, fresh=FRESH)


def shelf(*, now: datetime) -> Shelf:
    """Return the items that may be recommended."""
    return _kept.at(now)


def forget() -> None:
    """Read the items anew (tests that roll the database back need it)."""
    _kept.forget()
