"""How many requests a source and an address may send in a minute.

Counted in Django's default cache: for the whole site when that is shared (Redis), for
each process by itself when it is the process's own memory. A cache that is away lets
everything in: no event is lost over a counter.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cache as remembered
from functools import lru_cache

from django.core.cache import cache
from django.db import DatabaseError
from django.http import HttpRequest
from django.utils.module_loading import import_string

from personalization import metrics
from personalization.conf import settings
from personalization.events.models import Source
from personalization.exceptions import TooMany
from personalization.ingest.address import is_hidden, read_address
from personalization.ingest.recent import Recent
from personalization.keys import pseudonym

MINUTE = 60.0
#: A count is read in its own minute and in the next one.
_LIFE = 150
#: An IPv6 client has at least a network of this size to itself.
_NETWORK = 64


@dataclass(frozen=True, kw_only=True)
class Limit:
    """So many requests a minute, of whoever `key` stands for."""

    key: str
    rate: int
    message: str


@dataclass(kw_only=True)
class _Memory:
    """What this process knows of a limit in this minute."""

    minute: int
    #: Whether the count of this minute has been begun.
    begun: bool = False
    #: The count of the minute before, once it was needed.
    before: int | None = None
    #: Until when nothing fits, so that nothing needs to be counted.
    full_until: float = 0.0


#: A cache that failed is left alone for so many seconds: each try may last as long as its
#: client waits for an answer.
_PAUSE = 5.0
_away_until = 0.0

_memories: Recent[Limit, _Memory] = Recent(4096)


def admit(request: HttpRequest, source: Source | None, address: str, *, now: datetime) -> None:
    """Count a request, before it is looked into any further; `source` is None when its key
    is nobody's.

    :raises TooMany: when there were too many in the last minute; it says when to come again.
    """
    # The address first: what is refused for it takes nothing away from the source.
    for limit in _limits(request, source, address, now=now):
        admit_by(limit, now=now)


def admit_by(limit: Limit, *, now: datetime) -> None:
    """Count a request by one limit.

    :raises TooMany: when there were too many in the last minute; it says when to come again.
    """
    if (wait := _count(limit, now=now.timestamp())) > 0:
        metrics.count("ingest.throttled")
        raise _refusal(limit, wait)


def _limits(
    request: HttpRequest, source: Source | None, address: str, *, now: datetime
) -> Iterator[Limit]:
    # Servers of the site send for everybody from one address; they show a secret instead.
    by_address = settings.ADDRESS_RATE > 0 and not (source and source.is_server)
    if by_address and address and _is_one_client(request, address):
        yield Limit(
            key=f"address:{_stand_in(_network(address), day=f'{now:%Y-%m-%d}')}",
            rate=settings.ADDRESS_RATE,
            message=f"From one address {settings.ADDRESS_RATE} requests a minute are taken",
        )
    if source is not None and source.rate_limit is not None:
        yield Limit(
            key=f"source:{source.pk}",
            rate=source.rate_limit,
            message=f"This source may send {source.rate_limit} requests a minute",
        )


def _is_one_client(request: HttpRequest, address: str) -> bool:
    if is_hidden(request, address):
        metrics.count("ingest.proxy_unknown")
        return False
    return True


def _network(address: str) -> str:
    known = read_address(address)
    if known is None or known.version == 4:
        return address
    return f"{int(known) >> (128 - _NETWORK):x}"


@lru_cache(maxsize=4096)
def _stand_in(network: str, *, day: str) -> str:
    """Return what stands for an address in a cache: another thing each day, so that at
    midnight everybody begins anew, and the cache never holds an address."""
    return pseudonym("throttle", day, network)[:32]


def _count(limit: Limit, *, now: float) -> float:
    """Count one request; return how long nothing fits, in seconds: 0.0 if this one does.

    One operation of the cache, and two more now and then. Those that are refused are not
    counted, or a client that never pauses would never get in; and while nothing fits, the
    cache is not even asked.
    """
    minute, elapsed = divmod(now, MINUTE)
    memory = _memories.get(limit)
    if memory is None or memory.minute != minute:
        memory = _Memory(minute=int(minute))
        _memories.put(limit, memory)
    if now < memory.full_until:
        return memory.full_until - now
    wait = _asked(limit, memory, elapsed, now=now)
    if wait:  # or a request that took its time a moment earlier would seem to be too soon
        memory.full_until = now + wait
    return wait


def _asked(limit: Limit, memory: _Memory, elapsed: float, *, now: float) -> float:
    """Ask the cache how long nothing fits; 0.0 while it is away."""
    global _away_until
    if not _away_until - _PAUSE <= now < _away_until:
        try:
            return _ask(limit, memory, elapsed)
        except _failures():
            _away_until = now + _PAUSE
    metrics.count("ingest.throttle_unavailable")
    return 0.0


def _ask(limit: Limit, memory: _Memory, elapsed: float) -> float:
    """Count in the cache; processes that count at once each see a count with the others in it."""
    name = _name(limit, memory.minute)
    count = _one_more(name, begun=memory.begun)
    memory.begun = True
    if not seconds_to_wait(limit.rate, before=limit.rate, count=count, elapsed=elapsed):
        return 0.0  # whatever was before
    if memory.before is None:
        memory.before = min(int(cache.get(_name(limit, memory.minute - 1), 0)), limit.rate)
    wait = seconds_to_wait(limit.rate, before=memory.before, count=count, elapsed=elapsed)
    if wait:
        _one_less(name)
    return wait


def _name(limit: Limit, minute: int) -> str:
    return f"personalization:rate:{limit.key}:{minute}"


def _one_more(name: str, *, begun: bool) -> int:
    if not begun and cache.add(name, 1, _LIFE):
        return 1
    try:
        return int(cache.incr(name))
    except ValueError:  # a full cache has dropped it
        cache.add(name, 1, _LIFE)
        return 1


def _one_less(name: str) -> None:
    try:
        cache.decr(name)
    except ValueError:  # a full cache has dropped it
        return


def seconds_to_wait(rate: int, *, before: int, count: int, elapsed: float) -> float:
    """Return how long until one request more fits; 0.0 when this one, counted already, does.

    `count` requests came in this minute, which is `elapsed` seconds old, and `before` in
    the one before. What came in the last sixty seconds is estimated: of the minute before,
    as much as lies in them, rounded down. The estimate is off by what was uneven in that
    minute, and never lets more than `rate` through in one minute of the clock.
    """
    if before * (MINUTE - elapsed) // MINUTE + count <= rate:
        return 0.0
    room = rate - count
    if room < 0:
        return MINUTE - elapsed
    return max(MINUTE - MINUTE * (room + 1) / before - elapsed, 0.001)


def _refusal(limit: Limit, wait: float) -> TooMany:
    seconds = math.floor(wait) + 1  # the moment itself would be too soon
    error = TooMany(f"{limit.message}; try again in {seconds} s.", retry_after=seconds)
    # Segment's browser library reads only this one, and as seconds to wait.
    error.headers["X-RateLimit-Reset"] = str(seconds)
    return error


_CLIENTS = (
    "redis.exceptions.RedisError",
    "valkey.exceptions.ValkeyError",
    "django_redis.exceptions.ConnectionInterrupted",
    "django_valkey.exceptions.ConnectionInterrupted",
    "pymemcache.exceptions.MemcacheError",
    "pylibmc.Error",
)


@remembered
def _failures() -> tuple[type[Exception], ...]:
    """Return what a cache raises when it is away; asked for only once one has failed."""
    found: list[type[Exception]] = [OSError, DatabaseError]
    for name in _CLIENTS:
        try:
            found.append(import_string(name))
        except ImportError:  # another cache than the site's
            continue
    return tuple(found)


def forget() -> None:
    """Forget what this process remembers; for tests."""
    global _away_until
    _memories.clear()
    _stand_in.cache_clear()
    _away_until = 0.0
