"""Celery tasks: thin callers, equal to the management commands.

A lost task loses nothing: `hints.BEAT_SCHEDULE`, put into the schedule of the site,
runs each as a sweep that finds what a lost message would have started.
"""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from personalization import hints
from personalization.events.expiry import sweep
from personalization.ingest.pipeline import process_events
from personalization.ingest.tidy import tidy_quarantine
from personalization.segments.refresh import refresh_segments
from personalization.segments.settle import settle_memberships


@shared_task(name=hints.PROCESS_EVENTS, ignore_result=True)
def process_events_task() -> int:
    return process_events(now=timezone.now())


@shared_task(name=hints.SETTLE_MEMBERSHIPS, ignore_result=True)
def settle_memberships_task() -> int:
    return settle_memberships(now=timezone.now())


@shared_task(name=hints.REFRESH_SEGMENTS, ignore_result=True)
def refresh_segments_task() -> int:
    return refresh_segments(now=timezone.now())


@shared_task(name=hints.PARTITION_EVENTS, ignore_result=True)
def partition_events_task() -> int:
    return sweep(now=timezone.now())


@shared_task(name=hints.TIDY_QUARANTINE, ignore_result=True)
def tidy_quarantine_task() -> int:
    return tidy_quarantine(now=timezone.now())
