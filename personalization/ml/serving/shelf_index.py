"""Where items of a shelf are found: by kind, category and tag, by price, and by when they came."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from operator import itemgetter
from typing import Final, Literal, Protocol, TypeAlias, TypeVar

#: By what rules for recommendations find items in the shelf.
Place: TypeAlias = Literal["kind", "category", "tag"]

_BY_VALUE: Final = itemgetter(0)


class Placed(Protocol):
    """What an item is found by."""

    @property
    def key(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def category(self) -> str: ...
    @property
    def tags(self) -> tuple[str, ...]: ...
    @property
    def price(self) -> Decimal | None: ...
    @property
    def first_seen(self) -> datetime | None: ...


@dataclass(frozen=True, eq=False)
class Index:
    """Keys by place; and pairs of a price, and of an instant, with a key, the least first."""

    places: Mapping[tuple[Place, str], tuple[str, ...]]
    prices: Sequence[tuple[Decimal, str]]
    dates: Sequence[tuple[datetime, str]]

    def priced(self, low: Decimal, high: Decimal) -> tuple[str, ...]:
        """Return the keys of what costs at least `low` and at most `high`."""
        start = bisect_left(self.prices, low, key=_BY_VALUE)
        end = bisect_right(self.prices, high, key=_BY_VALUE)
        return tuple(key for _, key in self.prices[start:end])

    def changed(self, *, gone: Sequence[Placed], new: Sequence[Placed]) -> Index:
        """Return the index without some items and with others, at the cost of these few and of
        the places that they are in."""
        return Index(
            _moved(self.places, gone=gone, new=new),
            _without_and_with(self.prices, _prices(gone), _prices(new)),
            _without_and_with(self.dates, _dates(gone), _dates(new)),
        )


def index_of(items: Iterable[Placed]) -> Index:
    items = list(items)
    return Index(_places(items), sorted(_prices(items)), sorted(_dates(items)))


def _places(items: Iterable[Placed]) -> dict[tuple[Place, str], tuple[str, ...]]:
    found: dict[tuple[Place, str], list[str]] = {}
    for one in items:
        for place in _places_of(one):
            found.setdefault(place, []).append(one.key)
    return {place: tuple(keys) for place, keys in found.items()}


def _places_of(one: Placed) -> Iterator[tuple[Place, str]]:
    yield "kind", one.kind
    yield "category", one.category
    for tag in dict.fromkeys(one.tags):
        yield "tag", tag


def _moved(
    places: Mapping[tuple[Place, str], tuple[str, ...]],
    *,
    gone: Sequence[Placed],
    new: Sequence[Placed],
) -> dict[tuple[Place, str], tuple[str, ...]]:
    left, come = _places(gone), _places(new)
    found = dict(places)
    for place in left.keys() | come.keys():
        out = frozenset(left.get(place, ()))
        stay = (key for key in places.get(place, ()) if key not in out)
        found[place] = (*stay, *come.get(place, ()))
        if not found[place]:
            del found[place]
    return found


def _prices(items: Iterable[Placed]) -> Iterator[tuple[Decimal, str]]:
    return ((one.price, one.key) for one in items if one.price is not None)


def _dates(items: Iterable[Placed]) -> Iterator[tuple[datetime, str]]:
    return ((one.first_seen, one.key) for one in items if one.first_seen is not None)


V = TypeVar("V", Decimal, datetime)


def _without_and_with(
    pairs: Sequence[tuple[V, str]], gone: Iterable[tuple[V, str]], new: Iterable[tuple[V, str]]
) -> list[tuple[V, str]]:
    found = list(pairs)
    for pair in gone:
        del found[bisect_left(found, pair)]
    for pair in new:
        insort(found, pair)
    return found
