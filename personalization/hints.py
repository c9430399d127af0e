"""Wake a worker. The database is the truth, a Celery message only a hint.

Work is persisted before a hint is sent; a lost hint costs the time until the
next sweep, never the work. So a broker that is down must not fail the request.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from typing import Any

from celery import current_app
from django.db import transaction
from kombu.exceptions import OperationalError
from kombu.pools import producers

from personalization import metrics

logger = logging.getLogger(__name__)

PROCESS_EVENTS = "personalization.process_events"
SETTLE_MEMBERSHIPS = "personalization.settle_memberships"
REFRESH_SEGMENTS = "personalization.refresh_segments"
PARTITION_EVENTS = "personalization.partition_events"
TIDY_QUARANTINE = "personalization.tidy_quarantine"
PURGE_PERSONAL_DATA = "personalization.purge_personal_data"
DELIVER_WEBHOOKS = "personalization.deliver_webhooks"
FINISH_ERASURES = "personalization.finish_erasures"
EXPIRE_CONSENTS = "personalization.expire_consents"
SEAL_CONSENT_LOG = "personalization.seal_consent_log"
TRAIN_MODELS = "personalization.train_models"
REFRESH_MODELS = "personalization.refresh_models"
CHECK_MODELS = "personalization.check_models"
SYNC_ITEMS = "personalization.sync_items"
SCORE_PROFILES = "personalization.score_profiles"
SCORE_EVERYBODY = "personalization.score_everybody"
COUNT_POPULARITY = "personalization.count_popularity"
REFRESH_EXPERIMENTS = "personalization.refresh_experiments"
UPDATE_BANDITS = "personalization.update_bandits"

#: For `app.conf.beat_schedule`. A sweep that waited its turn in vain expires.
BEAT_SCHEDULE: dict[str, dict[str, Any]] = {
    task: {"task": task, "schedule": seconds, "options": {"expires": seconds}}
    for task, seconds in (
        (SETTLE_MEMBERSHIPS, 1.0),
        (PROCESS_EVENTS, 5.0),
        (DELIVER_WEBHOOKS, 5.0),
        (SCORE_EVERYBODY, 5.0),  # a share of the time, never in a row: events come first
        (REFRESH_SEGMENTS, 30.0),
        (SEAL_CONSENT_LOG, 60.0),
        (FINISH_ERASURES, 60.0),
        (TRAIN_MODELS, 60.0),
        (SCORE_PROFILES, 60.0),
        (COUNT_POPULARITY, 60.0),
        (REFRESH_MODELS, 240.0),  # so that five minutes after an event all know of it
        (TIDY_QUARANTINE, 300.0),
        (REFRESH_EXPERIMENTS, 300.0),
        (UPDATE_BANDITS, 300.0),
        (EXPIRE_CONSENTS, 600.0),
        (SYNC_ITEMS, 600.0),
        (PARTITION_EVENTS, 3600.0),
        (PURGE_PERSONAL_DATA, 3600.0),
        (CHECK_MODELS, 86400.0),
    )
}

#: Connect at most twice (a list of brokers has a second one), without a wait between:
#: Celery's own producers would hold up the request for six seconds.
_IMPATIENT = {"max_retries": 1, "interval_start": 0, "interval_step": 0}
#: Seconds for which a broker that could not be reached is left alone: a broker that
#: does not even refuse would hold up every request for its connection time-out.
PAUSE = 5.0
_quiet_until = 0.0
#: Seconds in which one hint of a task is enough: for what is committed meanwhile, one
#: more follows at their end. Else a busy endpoint would do little but send hints, and
#: the worker little but find that an earlier one had done the work.
ENOUGH = 0.05


def hint(task: str) -> None:
    """Ask for `task` to run soon, once the current transaction has committed."""
    # Robust: whatever a broker's client raises, the work is kept and the request answered.
    transaction.on_commit(lambda: _send(task), robust=True)


def _send(task: str) -> None:
    """Send the hint, now or soon: never before what it is about was committed."""
    if (wait := _sent.wait(task)) == 0:
        _publish(task)
    elif wait is not None:
        timer = threading.Timer(wait, _send_again, [task])
        timer.daemon = True
        timer.start()


def _send_again(task: str) -> None:
    if sys.is_finalizing():  # too late for threads; the sweep finds the work
        return
    _sent.begin(task)
    _publish(task)


class _Sent:
    """Which tasks were hinted at a moment ago, and which will be once more."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._enough_until: dict[str, float] = {}
        self._again: set[str] = set()

    def wait(self, task: str) -> float | None:
        """Return in how many seconds to hint; None when somebody else will."""
        with self._lock:
            wait = self._enough_until.get(task, 0.0) - time.monotonic()
            if wait <= 0:
                self._enough_until[task] = time.monotonic() + ENOUGH
                return 0
            if task in self._again:
                return None
            self._again.add(task)
            return wait

    def begin(self, task: str) -> None:
        """Note that the hint that was put off is sent now."""
        with self._lock:
            self._again.discard(task)
            self._enough_until[task] = time.monotonic() + ENOUGH


_sent = _Sent()


def _forget() -> None:
    global _sent
    _sent = _Sent()


if hasattr(os, "register_at_fork"):  # where there are forks
    # The child has neither the timers of its parent nor the holder of its lock.
    os.register_at_fork(after_in_child=_forget)


def _publish(task: str) -> None:
    global _quiet_until
    if time.monotonic() < _quiet_until:
        metrics.count("hints.lost")
        return
    connection = current_app.connection_for_write(transport_options=_IMPATIENT)
    try:
        with producers[connection].acquire(block=True) as producer:
            current_app.send_task(
                task, producer=producer, ignore_result=True, retry=False, expires=60
            )
    except (OperationalError, OSError) as error:
        _quiet_until = time.monotonic() + PAUSE
        metrics.count("hints.lost")
        logger.warning("No worker was woken for %s: %s", task, error, extra={"action": "hint_lost"})
