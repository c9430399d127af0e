"""A worker in the middle and an erasure, each with a connection of its own."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import pytest
from django.db import connection, transaction

from personalization.events.buffer import buffer
from personalization.events.models import Event, Source
from personalization.ingest import pipeline
from personalization.ingest.accept import keep
from personalization.ingest.identities import Sender
from personalization.ingest.pipeline import process_events
from personalization.privacy.erasure.finish import finish_erasures
from personalization.privacy.erasure.request import request_erasure
from personalization.privacy.models import Erasure
from personalization.profiles.identity import find
from personalization.profiles.suppressed import hold_alone, share
from tests.ingest.test_pipeline_concurrent import _wait_until_somebody_waits_for_us
from tests.privacy.erasure.conftest import NOW, USER, arrival, whole

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]

R = TypeVar("R")


def elsewhere(work: Callable[..., R], *args: Any, **kwargs: Any) -> Callable[[], R]:
    """Start work with a connection of its own; return how to wait for it."""

    def closing() -> R:
        try:
            return work(*args, **kwargs)
        finally:
            connection.close()

    pool = ThreadPoolExecutor(1)
    future = pool.submit(closing)
    pool.shutdown(wait=False)
    return lambda: future.result(timeout=60)


@pytest.fixture
def waiting(server: Source) -> Source:
    sender = Sender(trusted=True, visitor_id=None, received_at=NOW)
    keep([arrival(USER)], source=server, sender=sender)
    return server


def ask() -> Erasure:
    return request_erasure(whole(USER), channel="command", now=NOW)


def nobody_is_left() -> bool:
    return not find([USER]) and not Event.objects.exists() and buffer().depth() == 0


def test_an_erasure_waits_for_a_worker_and_takes_what_it_stored(waiting: Source) -> None:
    with transaction.atomic():
        share()
        assert pipeline._process_or_split(buffer().claim(1), now=NOW) == 1
        asked = elsewhere(ask)
        _wait_until_somebody_waits_for_us()
    asked()
    assert nobody_is_left()


def test_a_worker_waits_for_an_erasure_and_then_drops_what_it_finds(waiting: Source) -> None:
    with transaction.atomic():
        hold_alone()
        worked = elsewhere(process_events, now=NOW)
        _wait_until_somebody_waits_for_us()
        ask()
    worked()
    finish_erasures(now=NOW)
    assert nobody_is_left()


def test_workers_do_not_wait_for_each_other(waiting: Source) -> None:
    with transaction.atomic():
        share()
        assert elsewhere(process_events, now=NOW)() == 1
    assert find([USER])
