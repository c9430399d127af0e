"""The port between the ingest endpoint and the worker.

`append` returns only when the batch is durable; the answer to the client follows
it. `claim` and `ack` happen inside the worker's transaction, so a batch whose
worker dies is simply claimed again.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol, cast

from django.utils.module_loading import import_string

from personalization.conf import settings
from personalization.profiles.needles import Needles
from personalization.types import JsonObject


@dataclass(frozen=True, kw_only=True)
class Batch:
    """The accepted events of one request.

    `id` is the buffer's own, None before `append`; `attempts` is how often it failed.
    """

    source_id: int
    events: Sequence[JsonObject]
    received_at: datetime
    id: str | int | None = None
    attempts: int = 0


class Buffer(Protocol):
    """What every buffer does. `personalization.testing.BufferContract` holds it to it."""

    def append(self, batch: Batch) -> None:
        """Keep `batch`, durably: at once, or with the commit of the transaction it is in.

        :raises BufferUnavailable: when it cannot be kept.
        """

    def claim(self, limit: int) -> list[Batch]:
        """Return up to `limit` batches that no other worker holds: oldest first, and
        those that failed before behind all others, so that none holds up the rest."""

    def ack(self, batches: Sequence[Batch]) -> None:
        """Remove batches whose effects are committed with the current transaction."""

    def fail(self, batch: Batch, error: str) -> None:
        """Note a failed try: the batch is claimed again, behind all others."""

    def depth(self, *, limit: int | None = None) -> int:
        """Return how many batches wait; with `limit`, it may stop counting there."""

    def remove(self, needles: Needles) -> int:
        """Take the events out that name somebody, also of batches that a worker holds.

        Returns how many events there were. What that worker has read already, it drops by
        itself when it sees who is suppressed.
        """

    def holds(self, needles: Needles) -> bool:
        """Return whether an event waits that names somebody."""


def without(batch: Batch, *, needles: Needles) -> Batch:
    """Return the batch without the events that name somebody."""
    kept = [event for event in batch.events if not named_in(event, needles=needles)]
    return replace(batch, events=kept)


def named_in(event: JsonObject, *, needles: Needles) -> bool:
    return needles.found_in(json.dumps(event, ensure_ascii=False))


def buffer() -> Buffer:
    """Return the buffer named by the settings."""
    return cast(Buffer, import_string(settings.BUFFER)())
