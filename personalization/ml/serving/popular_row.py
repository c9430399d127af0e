"""What is popular as it is published: one row, written by a worker and read by every process.

Its size is bounded: the best `ITEMS` of all items and the best of each category, and of at most
`GROUPS` segments the best `ITEMS_OF_GROUP` of these.
"""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime, timedelta
from heapq import nlargest
from itertools import islice
from typing import Any, Final

from django.db.models import Q

from personalization.exceptions import PersonalizationError
from personalization.ml.item_events import MAX_KEY
from personalization.ml.models import PopularityCount
from personalization.ml.serving.popular import HALF_LIVES, Count, Group, Popular, Worths, in_order

ITEMS, ITEMS_OF_CATEGORY, ITEMS_AT_MOST = 2000, 20, 5000
GROUPS, ITEMS_OF_GROUP = 200, 200
#: The longest that a content may be when it is unpacked.
MOST_BYTES: Final = 16_000_000
#: So far the clock of whoever counted may be ahead.
AHEAD: Final = timedelta(minutes=1)
_ROW: Final = PopularityCount.Name.ITEMS
#: What reading something else than what was packed comes to.
_FAILURES: Final = (
    ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError, zlib.error,
)  # fmt: skip


class CorruptCount(PersonalizationError):
    """What is published as popular cannot be read."""


def publish(found: Popular, *, keys: Collection[str], now: datetime) -> bool:
    """Publish what is popular of these items; return whether nobody has published a later count."""
    count = found.count
    values = {
        "counted_at": now,
        "since": count.since if count else None,
        "events": count.events if count else 0,
        "content": packed(found, keys=keys),
    }
    rows = PopularityCount.objects.filter(pk=_ROW)
    if rows.filter(Q(counted_at__lt=now) | Q(counted_at__gt=now + AHEAD)).update(**values):
        return True
    return PopularityCount.objects.get_or_create(pk=_ROW, defaults=values)[1]


def published(*, since: datetime, now: datetime) -> Popular | None:
    """Return what was published not before `since`; None if nothing was (one query).

    :raises CorruptCount: if it cannot be read.
    """
    rows = PopularityCount.objects.filter(
        pk=_ROW, counted_at__gte=since, counted_at__lte=now + AHEAD
    )
    row = rows.first()
    if row is None:
        return None
    if row.since is None:
        if row.events:
            raise CorruptCount("What is published as popular does not say since when.")
        return Popular()
    return unpacked(bytes(row.content), at=row.counted_at, since=row.since, events=row.events)


def kept_keys(found: Popular, categories: Mapping[str, str]) -> frozenset[str]:
    """Return the items that are published: the best of all, and the best of each category;
    `categories` has those of the items that are not among the former."""
    keys = [key for key, _score in found.ranked[:ITEMS]]
    taken: dict[str, int] = {}
    for key, _score in found.ranked[ITEMS:]:
        category = categories.get(key, "")
        if category and taken.get(category, 0) < ITEMS_OF_CATEGORY:
            taken[category] = taken.get(category, 0) + 1
            keys.append(key)
    return frozenset(keys[:ITEMS_AT_MOST])


def packed(found: Popular, *, keys: Collection[str]) -> bytes:
    """Return what is popular of these items as bytes."""
    count = found.count
    worths: Mapping[str, Worths] = count.worths if count else {}
    ranked = [(key, score) for key, score in found.ranked if key in keys]
    places = {key: place for place, (key, _score) in enumerate(ranked)}
    most = nlargest(GROUPS, found.groups.items(), key=lambda pair: (pair[1].worth, pair[0]))
    content = {
        "items": [[key, _short(score), *map(_short, worths[key])] for key, score in ranked],
        "done": [*map(_short, count.done)] if count else [],
        "groups": {
            version: [_short(group.worth), list(_best_of(group, places))] for version, group in most
        },
    }
    return zlib.compress(json.dumps(content, separators=(",", ":")).encode())


def unpacked(content: bytes, *, at: datetime, since: datetime, events: int) -> Popular:
    """Return what `packed` has packed.

    :raises CorruptCount: if it did not.
    """
    try:
        said = json.loads(_decompressed(content))
        items = [_item(each) for each in said["items"]]
        done = _worths(said["done"])
        if list(done) != sorted(done):
            raise ValueError("less was done with a longer half-life")
        keys = [key for key, _score, _worths in items]
        groups = {
            version: Group(_number(worth), {keys[_place(place)]: _number(n) for place, n in best})
            for version, (worth, best) in said["groups"].items()
        }
    except _FAILURES as error:
        raise CorruptCount(
            f"What is published as popular cannot be read: {error!r:.200}"
        ) from error
    in_all = in_order({key: score for key, score, _worths in items})
    worths = {key: each for key, _score, each in items}
    count = Count(at=at, since=since, events=events, done=done, worths=worths)
    return Popular(in_all.ranked, in_all.scores, groups, count)


def _best_of(group: Group, places: Mapping[str, int]) -> Iterator[list[float]]:
    best = nlargest(len(group.items), group.items.items(), key=lambda pair: (pair[1], pair[0]))
    kept = ([places[key], _short(worth)] for key, worth in best if key in places)
    return islice(kept, ITEMS_OF_GROUP)


def _short(number: float) -> float:
    """Return the number with as many digits as matter."""
    return float(f"{number:.6g}")


def _decompressed(content: bytes) -> bytes:
    whole = zlib.decompressobj()
    read = whole.decompress(content, MOST_BYTES)
    if not whole.eof:
        raise ValueError("it is too long, or cut off")
    return read


def _item(said: Any) -> tuple[str, float, Worths]:
    key, score, *worths = said
    if not isinstance(key, str) or not 0 < len(key) <= MAX_KEY or not 0 < _number(score) <= 1:
        raise ValueError("an item is none")
    return key, score, _worths(worths)


def _worths(said: Any) -> Worths:
    worths = tuple(map(_number, said))
    if len(worths) != len(HALF_LIVES):
        raise ValueError("half-lives are missing")
    return worths


def _number(said: Any) -> float:
    if isinstance(said, bool) or not isinstance(said, int | float):
        raise TypeError("a number is none")
    if not math.isfinite(said) or said < 0:
        raise ValueError("a number is none")
    return float(said)


def _place(said: Any) -> int:
    if isinstance(said, bool) or not isinstance(said, int) or said < 0:
        raise TypeError("a place is none")
    return said
