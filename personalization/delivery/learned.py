"""What the last renders of a page asked, so that its key can be worked out before a render.

It is a hint and nothing more: what is missing or out of date leads to a key under which nothing
is kept, and so to a render, from which it is learned anew.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from functools import lru_cache
from typing import Any

from django.conf import settings as django_settings
from django.core.cache import BaseCache, caches

from personalization import metrics
from personalization.delivery.page_key import Ask
from personalization.delivery.published import Candidate

#: How long a page is remembered. Pages that are kept for longer are rendered once in between.
LIFE = timedelta(days=7)
#: The most questions, and the most ways from one to the next, that are remembered of a page;
#: of one that has more, those of its last render only, and nothing at all above `_LONGEST`.
MOST_ASKS, MOST_WAYS = 200, 1000
_LONGEST = 100_000

_START, _END = -1, -2


@dataclass(frozen=True)
class Asked:
    """One question of a render with the keys of its answer; `shown` if the visitor saw it."""

    ask: Ask
    keys: tuple[str, ...]
    shown: bool = False


@dataclass(frozen=True)
class Learned:
    """The questions of a page, and which one follows which, as an answer may decide.

    `ways` lead from a question, by its place in `asks`, with an answer to the next one.
    """

    asks: tuple[Ask, ...] = ()
    shown: frozenset[int] = frozenset()
    ways: Mapping[tuple[int, tuple[str, ...]], int] = field(default_factory=dict)

    def path(self, answer: Callable[[Ask], tuple[str, ...]]) -> Iterator[tuple[Ask, bool]]:
        """Yield what the page will ask a visitor who answers so, once it is answered, and whether
        it is shown."""
        at, seen = self._next(_START, ()), set[int]()
        while 0 <= at < len(self.asks) and at not in seen:
            seen.add(at)
            said = answer(self.asks[at])
            yield self.asks[at], at in self.shown
            at = self._next(at, said)

    def _next(self, at: int, said: tuple[str, ...]) -> int:
        if (following := self.ways.get((at, said))) is not None:
            return following
        # An answer that nobody gave yet mostly leads where the others do.
        return next((to for (start, _), to in self.ways.items() if start == at), _END)

    def after(self, render: Sequence[Asked]) -> Learned:
        """Return what is known after one more render."""
        asks = list(dict.fromkeys([*self.asks, *(one.ask for one in render)]))
        place = {ask: number for number, ask in enumerate(asks)}
        shown = self.shown - {place[one.ask] for one in render}
        ways = {**self.ways, **_ways(render, place)}
        if self.asks and (len(asks) > MOST_ASKS or len(ways) > MOST_WAYS):
            return Learned().after(render)
        return Learned(tuple(asks), shown | {place[one.ask] for one in render if one.shown}, ways)


def _ways(
    render: Sequence[Asked], place: Mapping[Ask, int]
) -> dict[tuple[int, tuple[str, ...]], int]:
    froms = [(_START, ()), *((place[one.ask], one.keys) for one in render)]
    return dict(zip(froms, [*(place[one.ask] for one in render), _END], strict=True))


def recall(host: str, path: str) -> Learned:
    """Return what is known of a page, at the cost of one look into Django's cache."""
    text = _cache().get(_name(host, path))
    return _parse(text) if isinstance(text, str) else Learned()


def learn(host: str, path: str, *, render: Sequence[Asked], known: Learned) -> None:
    """Remember what a render asked beside what was `known`, if that is news."""
    learned = known.after(render)
    if learned == known:
        return
    text = _text(learned)
    if len(text) > _LONGEST or len(learned.asks) > MOST_ASKS:
        metrics.count("pages.not_learned")
        return
    _cache().set(_name(host, path), text, LIFE.total_seconds())


def _cache() -> BaseCache:
    """Return the cache that Django keeps pages in, unless a site says otherwise."""
    return caches[django_settings.CACHE_MIDDLEWARE_ALIAS]


def _name(host: str, path: str) -> str:
    digest = hashlib.blake2b(f"{host}\n{path}".encode(), digest_size=16).hexdigest()
    return f"personalization.asks.{digest}"


def _text(learned: Learned) -> str:
    return json.dumps(
        {
            "asks": [asdict(ask) for ask in learned.asks],
            "shown": sorted(learned.shown),
            "ways": [[at, said, to] for (at, said), to in learned.ways.items()],
        }
    )


@lru_cache(maxsize=64)  # most requests are for few pages
def _parse(text: str) -> Learned:
    """Read it back; what another release wrote in another form counts for nothing."""
    try:
        value = json.loads(text)
        return Learned(
            tuple(_ask(one) for one in value["asks"]),
            frozenset(value["shown"]),
            {(at, tuple(said)): to for at, said, to in value["ways"]},
        )
    except (ValueError, TypeError, KeyError):
        return Learned()


def _ask(value: Mapping[str, Any]) -> Ask:
    candidates = (
        Candidate(**{**one, "segments": tuple(one["segments"])}) for one in value["candidates"]
    )
    return Ask(value["slot"], tuple(candidates))
