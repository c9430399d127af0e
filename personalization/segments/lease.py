"""One worker at a time holds the open refresh; it writes only as long as it does."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from personalization.exceptions import PersonalizationError
from personalization.segments.runs import LEASE, Refresh

#: After so many failures in a row, the wait for the next try does not grow any more.
_MOST_PATIENT = 9  # 512 seconds


class LeaseLost(PersonalizationError):
    """Another worker has taken over the refresh, because this one was not heard of."""


@dataclass
class Lease:
    """A run and the worker that holds it. Its clock goes on from the `now` it was given."""

    run: Refresh
    token: str
    now: datetime
    _started: float = field(default_factory=time.monotonic)

    def moved(self, *, cursor: int, n: int) -> None:
        """Move the cursor, in the transaction of the work that was done.

        :raises LeaseLost: if it is not this worker's any more; the work is then undone.
        """
        done = self.run.done + n
        self._write(cursor=cursor, done=done, failures=0, error="")
        self.run.cursor, self.run.done = cursor, done

    def turn(self, phase: Refresh.Phase) -> None:
        """Begin another phase, in the transaction of what ends the one before.

        :raises LeaseLost: as `moved` does.
        """
        self._write(phase=phase, cursor=0)
        self.run.phase, self.run.cursor = phase, 0

    def finish(self) -> None:
        """Close the run, in the transaction of its last work.

        :raises LeaseLost: as `moved` does.
        """
        at = self._clock()
        self._write(phase=Refresh.Phase.FINISHED, finished_at=at, open=False, owner="")
        self.run.phase = Refresh.Phase.FINISHED

    def release(self) -> None:
        """Let any worker go on from here."""
        self._mine().update(owner="", heartbeat_at=self._clock())

    def fail(self, error: str) -> None:
        """Keep why it failed, and let it rest for longer each time."""
        failures = self.run.failures + 1
        self._mine().update(
            owner="", heartbeat_at=self._clock(), failures=failures, error=error[:2000]
        )

    def _write(self, **values: object) -> None:
        if not self._mine().update(**{"heartbeat_at": self._clock(), **values}):
            raise LeaseLost

    def _mine(self) -> QuerySet[Refresh]:
        return Refresh.objects.filter(pk=self.run.pk, owner=self.token, open=True)

    def _clock(self) -> datetime:
        return self.now + timedelta(seconds=time.monotonic() - self._started)


def take(run: Refresh, *, now: datetime) -> Lease | None:
    """Take the open run, unless another worker is at it or it failed a moment ago."""
    with transaction.atomic():
        locked = Refresh.objects.select_for_update().filter(pk=run.pk, open=True).first()
        if locked is None or not _is_free(locked, now):
            return None
        lease = Lease(locked, uuid.uuid4().hex, now)
        locked.owner, locked.heartbeat_at = lease.token, now
        locked.save(update_fields=("owner", "heartbeat_at"))
    return lease


def _is_free(run: Refresh, now: datetime) -> bool:
    if run.owner:
        return run.heartbeat_at <= now - LEASE
    if not run.failures:
        return True
    patience = timedelta(seconds=2 ** min(run.failures, _MOST_PATIENT))
    return run.heartbeat_at <= now - patience


def open_run(*, targets: dict[str, str], total: int, now: datetime) -> Refresh | None:
    """Open a run; None if another worker did so at the same time."""
    try:
        with transaction.atomic():
            return Refresh.objects.create(
                targets=targets, total=total, started_at=now, heartbeat_at=now
            )
    except IntegrityError:
        return None
