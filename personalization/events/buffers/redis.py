"""For more requests than one machine's database takes: a Redis stream (Redis 6.2 or newer).

One entry for each request, one consumer for each thread of a worker. An entry leaves the
stream only after the worker's transaction has committed, so a worker that dies anywhere
leaves it to be claimed again, by itself or by others; the pipeline knows what it has
stored already. What is appended inside of a transaction waits in the database instead:
only so it commits with it. Durable as Redis is: `problems` says what it lacks.
"""

from __future__ import annotations

import json
import logging
import os
import secrets
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from functools import cache, partial
from typing import Any, TypeAlias

from django.db import router, transaction

from personalization import metrics
from personalization.clock import microseconds, moment
from personalization.conf import settings
from personalization.events.buffer import Batch, without
from personalization.events.buffers.database import DatabaseBuffer
from personalization.events.models import Event
from personalization.exceptions import BufferUnavailable
from personalization.profiles.needles import Needles

try:
    import redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry
except ModuleNotFoundError as error:
    raise ImportError(
        "the Redis client is missing: pip install 'personalization[redis]'."
    ) from error

logger = logging.getLogger(__name__)

#: (id, fields), as the client returns it.
Entry: TypeAlias = tuple[bytes, dict[bytes, bytes]]

#: What is written of a batch.
Fields: TypeAlias = dict[Any, Any]

#: Seconds in which Redis has to take a connection and to answer.
CONNECT_WITHIN, ANSWER_WITHIN = 2, 5

#: Entries that are read at once where the whole stream is looked through.
_AT_ONCE = 500

#: In one script, for a consumer must not be given anything between the look and the end.
_REMOVE_CONSUMERS = """
for _, facts in ipairs(redis.pcall('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])) do
    local consumer = {}
    for place = 1, #facts, 2 do consumer[facts[place]] = facts[place + 1] end
    if consumer.pending == 0 and consumer.idle > tonumber(ARGV[2]) then
        redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], consumer.name)
    end
end
"""


class RedisBuffer:
    """Keeps batches in a stream of the Redis at PERSONALIZATION_REDIS_URL."""

    stream = "personalization:events"
    group = "workers"
    #: What a worker has claimed and not touched for so long is given to others.
    dead_after = timedelta(minutes=1)

    def __init__(self) -> None:
        self._rows = DatabaseBuffer()

    def append(self, batch: Batch) -> None:
        if transaction.get_connection(_database()).in_atomic_block:
            self._rows.append(batch)
            return
        with _answering():
            _client().xadd(self.stream, _fields(batch))

    def claim(self, limit: int) -> list[Batch]:
        # No more than half, or few requests in many rows would hold up all others.
        rows = self._rows.claim(max(limit // 2, 1))
        with _answering():
            entries = self._claim_or_begin(limit - len(rows))
        batches = [*rows, *(_batch(entry) for entry in sorted(entries, key=_place))]
        return sorted(batches, key=lambda batch: (batch.attempts, batch.received_at))

    def ack(self, batches: Sequence[Batch]) -> None:
        if rows := [batch for batch in batches if isinstance(batch.id, int)]:
            self._rows.ack(rows)
        if ids := [batch.id for batch in batches if isinstance(batch.id, str)]:
            transaction.on_commit(partial(self._remove, ids), _database())

    def fail(self, batch: Batch, error: str) -> None:
        """Put the batch behind all others; what lies in the stream at once, whatever
        becomes of the transaction."""
        if isinstance(batch.id, int):
            self._rows.fail(batch, error)
            return
        with _answering(), _client().pipeline(transaction=True) as steps:
            steps.xadd(self.stream, _fields(batch, attempts=batch.attempts + 1, error=error))
            steps.xack(self.stream, self.group, str(batch.id))
            steps.xdel(self.stream, str(batch.id))
            steps.execute()

    def depth(self, *, limit: int | None = None) -> int:
        with _answering():
            depth = int(_client().xlen(self.stream)) + self._rows.depth(limit=limit)
        return depth if limit is None else min(depth, limit)

    def remove(self, needles: Needles) -> int:
        """Take the events out; the rest of their batches goes behind all others.

        A worker that holds such a batch may store the rest as well: it is stored once.
        """
        removed = self._rows.remove(needles)
        for number, batch in self._naming(needles):
            kept = without(batch, needles=needles)
            removed += len(batch.events) - len(kept.events)
            with _answering(), _client().pipeline(transaction=True) as steps:
                if kept.events:
                    steps.xadd(self.stream, _fields(kept, attempts=batch.attempts))
                steps.xack(self.stream, self.group, number)
                steps.xdel(self.stream, number)
                steps.execute()
        return removed

    def holds(self, needles: Needles) -> bool:
        return any(self._naming(needles)) or self._rows.holds(needles)

    def _naming(self, needles: Needles) -> Iterator[tuple[str, Batch]]:
        """Yield the entries that name somebody, whether a worker holds them or not."""
        after = "-"
        while True:
            with _answering():
                entries: Any = _client().xrange(self.stream, min=after, count=_AT_ONCE)
            for number, fields in entries:
                texts = (fields[b"events"], fields[b"error"])
                if any(needles.found_in(text.decode()) for text in texts):
                    yield number.decode(), _batch((number, fields))
            if len(entries) < _AT_ONCE:
                return
            after = f"({entries[-1][0].decode()}"

    def problems(self) -> list[str]:
        """Return in which ways this Redis could lose what it has acknowledged."""
        try:
            asked = ("appendonly", "appendfsync", "maxmemory", "maxmemory-policy")
            found: dict[Any, Any] = _client().config_get(*asked)
        except (redis.RedisError, ValueError) as error:
            return [f"Redis at PERSONALIZATION_REDIS_URL does not tell how durable it is: {error}"]
        wanted = {"appendonly": "yes", "appendfsync": "always"}
        if found.get("maxmemory", "0") != "0":
            wanted["maxmemory-policy"] = "noeviction"
        return [
            f"Redis may lose acknowledged events: {name} is {found.get(name)}, not {value}."
            for name, value in wanted.items()
            if found.get(name) != value
        ]

    def _claim_or_begin(self, limit: int) -> list[Entry]:
        try:
            return self._claim(limit)
        except redis.ResponseError as error:
            if not str(error).startswith("NOGROUP"):
                raise
        self._make_group()
        return self._claim(limit)

    def _claim(self, limit: int) -> list[Entry]:
        if limit == 0:
            return []
        me = _consumer(self)
        # First what this worker claimed before and did not get done.
        entries = self._read(me, "0", limit)
        if len(entries) < limit:
            entries += self._abandoned(me, limit - len(entries))
        if len(entries) < limit:
            entries += self._read(me, ">", limit - len(entries))
        return entries

    def _read(self, consumer: str, after: str, limit: int) -> list[Entry]:
        answer: Any = _client().xreadgroup(self.group, consumer, {self.stream: after}, count=limit)
        return [entry for _, entries in answer for entry in entries if entry[1]]

    def _abandoned(self, consumer: str, limit: int) -> list[Entry]:
        idle = int(self.dead_after.total_seconds() * 1000)
        answer = _client().xautoclaim(self.stream, self.group, consumer, idle, count=limit)
        return [entry for entry in answer[1] if entry[1]]

    def _remove(self, ids: Sequence[str]) -> None:
        try:
            with _answering(), _client().pipeline(transaction=True) as steps:
                steps.xack(self.stream, self.group, *ids)
                steps.xdel(self.stream, *ids)
                steps.execute()
        except BufferUnavailable as error:
            # They will be claimed again, and found to be stored.
            metrics.count("events.batches_not_removed", by=len(ids))
            logger.warning("%s", error, extra={"action": "batches_not_removed"})

    def _make_group(self) -> None:
        try:
            _client().xgroup_create(self.stream, self.group, id="0", mkstream=True)
        except redis.ResponseError as error:
            if not str(error).startswith("BUSYGROUP"):  # another worker was first
                raise


def _batch(entry: Entry) -> Batch:
    number, fields = entry
    return Batch(
        id=number.decode(),
        source_id=int(fields[b"source"]),
        events=json.loads(fields[b"events"]),
        received_at=moment(int(fields[b"received_at"])),
        attempts=int(fields[b"attempts"]),
    )


def _fields(batch: Batch, *, attempts: int = 0, error: str = "") -> Fields:
    return {
        "source": batch.source_id,
        "received_at": microseconds(batch.received_at),
        "attempts": attempts,
        "error": error,
        "events": json.dumps(batch.events, ensure_ascii=False, separators=(",", ":")),
    }


def _place(entry: Entry) -> tuple[int, ...]:
    """Return where an entry stands in the stream: milliseconds and a number."""
    return tuple(int(part) for part in entry[0].split(b"-"))


def _database() -> str:
    """Return the alias of the database whose transactions decide."""
    return router.db_for_write(Event)


@contextmanager
def _answering() -> Iterator[None]:
    try:
        yield
    except redis.RedisError as error:
        raise BufferUnavailable(f"Redis cannot keep or return events now: {error}") from error


def _client() -> redis.Redis:
    return _client_of(settings.REDIS_URL)


@cache
def _client_of(url: str) -> redis.Redis:
    """Return the client of this process; its connections are kept, and renewed after a fork.

    One more try and no wait: enough for a connection that a restart of Redis has broken.
    What is appended twice by it is stored once.
    """
    return redis.Redis.from_url(
        url,
        protocol=2,
        retry=Retry(NoBackoff(), 1),
        socket_connect_timeout=CONNECT_WITHIN,
        socket_timeout=ANSWER_WITHIN,
    )


class _Me(threading.local):
    pid = 0
    name = ""


_me = _Me()


def _consumer(buffer: RedisBuffer) -> str:
    """Return the name of this thread of this process, removing those that are long gone."""
    if _me.pid != os.getpid():
        idle = int(buffer.dead_after.total_seconds() * 1000) * 60
        _client().eval(_REMOVE_CONSUMERS, 1, buffer.stream, buffer.group, idle)
        _me.name = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
        _me.pid = os.getpid()
    return _me.name
