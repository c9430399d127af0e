"""The Redis buffer of the site that is killed."""

from __future__ import annotations

from datetime import timedelta

from personalization.events.buffers.redis import RedisBuffer


class ImpatientRedisBuffer(RedisBuffer):
    """Takes a worker for dead after seconds, for here it mostly is."""

    dead_after = timedelta(seconds=2)
