"""All background work in one process, for sites that run no Celery."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from django.core.management.base import CommandParser

from personalization.events.expiry import sweep
from personalization.ingest.pipeline import process_events
from personalization.ingest.scores import score_everybody, score_just_here, score_profiles
from personalization.ingest.tidy import tidy_quarantine
from personalization.management.beside import Beside
from personalization.management.loop import LoopCommand
from personalization.ml.serving.popular_worker import count_popularity
from personalization.ml.training.items import sync_items
from personalization.privacy.chain import seal_records
from personalization.privacy.erasure.finish import finish_erasures
from personalization.privacy.expiry import expire_consents
from personalization.privacy.retention import purge_personal_data
from personalization.segments.deliveries import deliver_webhooks
from personalization.segments.refresh import refresh_segments
from personalization.segments.settle import settle_memberships

EVERY = timedelta(hours=1)
#: How often people are scored and popularity is counted; as often as Celery would.
MINUTE = timedelta(minutes=1)
#: How often items follow tables and events; as often as Celery would.
TEN_MINUTES = timedelta(minutes=10)
#: So that events and departures do not wait for rules that are being back-filled.
SLICE = timedelta(seconds=1)
#: Seconds after which a round begins no further request of a webhook: visitors wait for the
#: events, and nobody for these.
PATIENCE = 1.0


class Worker:
    """Does what there is to do, when it is called."""

    def __init__(self, *, beside: Beside | None = None) -> None:
        #: Trains models and lets bandits learn; without, somebody else does.
        self._beside = beside
        self._sweep_at = self._purge_at = datetime.min.replace(tzinfo=UTC)
        self._minute_at = self._items_at = self._sweep_at

    def __call__(self, *, now: datetime) -> int:
        # Changed rules first, so that new events meet them.
        done = refresh_segments(now=now, budget=SLICE) + process_events(now=now)
        done += settle_memberships(now=now)
        done += deliver_webhooks(now=now, patience=PATIENCE)
        done += finish_erasures(now=now)
        done += score_just_here(now=now) + score_everybody(now=now, budget=SLICE)
        if now >= self._minute_at:
            self._minute_at = now + MINUTE
            done += score_profiles(now=now)
            count_popularity(now=now)
        if now >= self._items_at:
            self._items_at = now + TEN_MINUTES
            done += sync_items(now=now)
        if now >= self._sweep_at:
            self._sweep_at = now + EVERY  # also when it fails: the next try is not at once
            sweep(now=now)
            tidy_quarantine(now=now)
            expire_consents(now=now)
            seal_records(now=now)
        if self._beside is not None:
            done += self._beside(now=now)
        return done + self._purge(now)

    def _purge(self, now: datetime) -> int:
        if now < self._purge_at:
            return 0
        self._purge_at = now + EVERY
        done = purge_personal_data(now=now, budget=SLICE)
        if done:  # there may be more
            self._purge_at = now
        return done


class Command(LoopCommand):
    help = "Process events, settle memberships, refresh segments, tell webhooks, train models, look at experiments until stopped."
    done = "%d pieces of work done."

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.work = Worker()

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--once", action="store_true", help="Do one round only.")

    def handle(self, *args: Any, **options: Any) -> None:
        if not options["once"]:
            self.work = Worker(beside=Beside())
        super().handle(*args, **{**options, "loop": not options["once"]})
