"""Celery tasks: thin callers, equal to the management commands.

A lost task loses nothing: `hints.BEAT_SCHEDULE`, put into the schedule of the site,
runs each as a sweep that finds what a lost message would have started.
"""

from __future__ import annotations

from datetime import timedelta

from celery import shared_task
from django.utils import timezone

from personalization import hints
from personalization.events.expiry import sweep
from personalization.experiments.bandits.update import update_bandits
from personalization.experiments.refresh import refresh_findings
from personalization.ingest.pipeline import process_events
from personalization.ingest.scores import score_everybody, score_just_here, score_profiles
from personalization.ingest.tidy import tidy_quarantine
from personalization.ml.serving.popular_worker import count_popularity
from personalization.ml.training.items import sync_items
from personalization.ml.training.renewal import refresh_models
from personalization.ml.training.train import train_models
from personalization.ml.training.watching import check_models
from personalization.privacy.chain import seal_records
from personalization.privacy.erasure.finish import finish_erasures
from personalization.privacy.expiry import expire_consents
from personalization.privacy.retention import purge_personal_data
from personalization.segments.deliveries import deliver_webhooks
from personalization.segments.refresh import refresh_segments
from personalization.segments.settle import settle_memberships

TURN = timedelta(seconds=5)
#: How much of the time between two of its sweeps is for asking about everybody.
SHARE = timedelta(seconds=2)


@shared_task(name=hints.PROCESS_EVENTS, ignore_result=True)
def process_events_task() -> int:
    done = process_events(now=timezone.now())
    score_just_here(now=timezone.now())
    return done


@shared_task(name=hints.SETTLE_MEMBERSHIPS, ignore_result=True)
def settle_memberships_task() -> int:
    return settle_memberships(now=timezone.now())


@shared_task(name=hints.REFRESH_SEGMENTS, ignore_result=True)
def refresh_segments_task() -> int:
    done = 0
    # In turns, so that what is evaluated is never evaluated for an instant long past.
    while n := refresh_segments(now=timezone.now(), budget=TURN):
        done += n
    return done


@shared_task(name=hints.DELIVER_WEBHOOKS, ignore_result=True)
def deliver_webhooks_task() -> int:
    return deliver_webhooks(now=timezone.now())


@shared_task(name=hints.EXPIRE_CONSENTS, ignore_result=True)
def expire_consents_task() -> int:
    return expire_consents(now=timezone.now())


@shared_task(name=hints.SEAL_CONSENT_LOG, ignore_result=True)
def seal_consent_log_task() -> int:
    return seal_records(now=timezone.now())


@shared_task(name=hints.PARTITION_EVENTS, ignore_result=True)
def partition_events_task() -> int:
    return sweep(now=timezone.now())


@shared_task(name=hints.TIDY_QUARANTINE, ignore_result=True)
def tidy_quarantine_task() -> int:
    return tidy_quarantine(now=timezone.now())


@shared_task(name=hints.FINISH_ERASURES, ignore_result=True)
def finish_erasures_task() -> int:
    return finish_erasures(now=timezone.now())


@shared_task(name=hints.PURGE_PERSONAL_DATA, ignore_result=True)
def purge_personal_data_task() -> int:
    return purge_personal_data(now=timezone.now())


@shared_task(name=hints.TRAIN_MODELS, ignore_result=True)
def train_models_task() -> int:
    return train_models(now=timezone.now())


@shared_task(name=hints.REFRESH_MODELS, ignore_result=True)
def refresh_models_task() -> int:
    return refresh_models(now=timezone.now())


@shared_task(name=hints.CHECK_MODELS, ignore_result=True)
def check_models_task() -> int:
    return len(check_models(now=timezone.now()))


@shared_task(name=hints.SYNC_ITEMS, ignore_result=True)
def sync_items_task() -> int:
    return sync_items(now=timezone.now())


@shared_task(name=hints.SCORE_PROFILES, ignore_result=True)
def score_profiles_task() -> int:
    return score_profiles(now=timezone.now())


@shared_task(name=hints.SCORE_EVERYBODY, ignore_result=True)
def score_everybody_task() -> int:
    return score_everybody(now=timezone.now(), budget=SHARE)


@shared_task(name=hints.COUNT_POPULARITY, ignore_result=True)
def count_popularity_task() -> int:
    return count_popularity(now=timezone.now())


@shared_task(name=hints.UPDATE_BANDITS, ignore_result=True)
def update_bandits_task() -> int:
    return update_bandits(now=timezone.now())


@shared_task(name=hints.REFRESH_EXPERIMENTS, ignore_result=True)
def refresh_experiments_task() -> int:
    return refresh_findings(now=timezone.now())
