"""Drop what is of the erased and the suppressed: late events, repetitions, logs read in again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Protocol, TypeVar

from personalization import metrics
from personalization.clock import microseconds, moment
from personalization.ingest.item import Item
from personalization.profiles.identity import Key
from personalization.profiles.models import Identity
from personalization.profiles.suppressed import bars, suppressed
from personalization.profiles.suppressions import Suppression


class Named(Protocol):
    """What names somebody: an event that is set aside."""

    @property
    def keys(self) -> tuple[Key, ...]: ...


N = TypeVar("N", bound=Named)


def without_barred(items: Sequence[Item], *, known: Mapping[Key, Identity]) -> list[Item]:
    """Return the items that may be kept, without the ids in them that may not come back.

    Nobody is on the list who is `known`, unless they came back: then as a new identity, and
    only what happened before that is in question. So nearly always nothing is looked up.
    """
    doubtful = set(_doubtful(items, known))
    if not doubtful:
        return list(items)
    listed = suppressed(doubtful)
    kept = [item for item in items if not _is_barred(item, item.arrival.key, listed)]
    if barred := len(items) - len(kept):
        metrics.count("events.suppressed", by=barred)
    return [_without_joins(item, listed) for item in kept]


def not_suppressed(letters: Iterable[N]) -> list[N]:
    """Return those that name nobody on the list, whenever it happened (one query)."""
    letters = list(letters)
    listed = suppressed({key for letter in letters for key in letter.keys})
    return [letter for letter in letters if not any(_is_out(key, listed) for key in letter.keys)]


def _doubtful(items: Iterable[Item], known: Mapping[Key, Identity]) -> Iterator[Key]:
    since = {key: microseconds(identity.created_at) for key, identity in known.items()}
    for item in items:
        for key in item.arrival.keys:
            if key not in since or item.arrival.at < since[key]:
                yield key


def _is_barred(item: Item, key: Key, listed: Mapping[Key, Suppression]) -> bool:
    return key in listed and bars(listed[key], at=moment(item.arrival.at))


def _without_joins(item: Item, listed: Mapping[Key, Suppression]) -> Item:
    """Return the item as that of nobody but who may be named."""
    joins = tuple(key for key in item.arrival.joins if not _is_barred(item, key, listed))
    if len(joins) == len(item.arrival.joins):
        return item
    return replace(item, arrival=replace(item.arrival, joins=joins))


def _is_out(key: Key, listed: Mapping[Key, Suppression]) -> bool:
    return key in listed and listed[key].lifted_at is None
