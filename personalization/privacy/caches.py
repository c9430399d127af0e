"""What of ours stands in Django's caches, found by the keys that we write.

Django's own interface cannot list a cache, so each kind of it is asked in its own way; of
those that cannot be listed at all, the receipt says so.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from django.core.cache import caches
from django.db import connections, router
from django.utils.module_loading import import_string

from personalization.exceptions import CacheUnavailable
from personalization.profiles.needles import Needles

#: Every key of ours has this in it, whatever a site puts in front.
MARK = "personalization"
_AT_ONCE = 500


def unsearchable() -> list[str]:
    """Return the caches that nobody can look through, each with its kind."""
    return [
        f"cache {alias}: {type(caches[alias]).__name__}"
        for alias in caches.settings
        if _way_of(caches[alias]) is None
    ]


def found(needles: Needles) -> Iterator[str]:
    """Yield the caches in which an entry of ours names somebody, once for each entry.

    :raises CacheUnavailable: when one does not answer.
    """
    for alias, _, _ in _naming(needles):
        yield f"cache {alias}"


def remove(needles: Needles) -> int:
    """Delete the entries of ours that name somebody; return how many.

    :raises CacheUnavailable: when a cache does not answer.
    """
    entries = list(_naming(needles))
    for _, key, delete in entries:
        delete(key)
    return len(entries)


Delete = Callable[[str], Any]
Way = Callable[[Any], Iterator[tuple[str, str, Delete]]]


def _naming(needles: Needles) -> Iterator[tuple[str, str, Delete]]:
    for alias in caches.settings:
        way = _way_of(caches[alias])
        for key, text, delete in way(caches[alias]) if way else ():
            if needles.found_in(key) or needles.found_in(text):
                yield alias, key, delete


def _way_of(cache: Any) -> Way | None:
    """Return how the cache is listed: a site's own subclass is as what it is made of."""
    names = (f"{each.__module__}.{each.__name__}" for each in type(cache).__mro__)
    return next((_WAYS[name] for name in names if name in _WAYS), None)


def _of_process(cache: Any) -> Iterator[tuple[str, str, Delete]]:
    with cache._lock:
        entries = [(key, value) for key, value in cache._cache.items() if MARK in key]
    for key, value in entries:
        yield key, _text(value), lambda name: _drop(cache, name)


def _drop(cache: Any, key: str) -> None:
    with cache._lock:
        cache._delete(key)


def _of_redis(cache: Any) -> Iterator[tuple[str, str, Delete]]:
    """Both clients have the same server behind them: Django's own, and django-redis."""
    failure = import_string("redis.exceptions.RedisError")
    try:
        client = (
            cache.client.get_client(write=True)
            if hasattr(cache, "client")
            else cache._cache.get_client(None, write=True)
        )
        for key in client.scan_iter(match=f"*{MARK}*", count=_AT_ONCE):
            if client.type(key) == b"string" and (value := client.get(key)) is not None:
                yield _text(key), _text(value), client.delete
    except failure as error:
        raise CacheUnavailable(f"A cache in Redis fails: {type(error).__name__}.") from None


def _of_database(cache: Any) -> Iterator[tuple[str, str, Delete]]:
    connection = connections[router.db_for_write(cache.cache_model_class)]
    table = connection.ops.quote_name(cache._table)

    def delete(key: str) -> None:
        with connection.cursor() as cursor:
            cursor.execute(f"DELETE FROM {table} WHERE cache_key = %s", [key])  # noqa: S608

    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT cache_key, value FROM {table} WHERE cache_key LIKE %s",  # noqa: S608
            [f"%{MARK}%"],
        )
        rows = cursor.fetchall()
    for key, value in rows:
        yield key, _text(base64.b64decode(value)), delete


def _of_nothing(cache: Any) -> Iterator[tuple[str, str, Delete]]:
    return iter(())


def _text(value: Any) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


_WAYS: Mapping[str, Way] = {
    "django.core.cache.backends.locmem.LocMemCache": _of_process,
    "django.core.cache.backends.redis.RedisCache": _of_redis,
    "django_redis.cache.RedisCache": _of_redis,
    "django.core.cache.backends.db.DatabaseCache": _of_database,
    "django.core.cache.backends.dummy.DummyCache": _of_nothing,
}
