"""Two people click at once: an event is taken in once, whoever was faster."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection

from personalization.events.models import BufferedBatch, Event, Source
from personalization.ingest.identities import Sender
from personalization.ingest.models import DeadLetter
from personalization.ingest.outcome import Rejection
from personalization.ingest.quarantine import set_aside
from personalization.ingest.replay import replay
from personalization.testing import drain
from tests.ingest.sending import track

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def _apart(work: Any, *args: Any, **kwargs: Any) -> Any:
    try:
        return work(*args, **kwargs)
    finally:
        connection.close()


def test_many_clicks_at_once_replay_a_letter_once(server: Source) -> None:
    rejection = Rejection(index=0, code="too_old", message="Old.", call=track())
    sender = Sender(trusted=True, visitor_id=None, received_at=NOW)
    set_aside([rejection], source=server, sender=sender)
    letter = DeadLetter.objects.get()
    with ThreadPoolExecutor(6) as pool:
        clicks = [pool.submit(_apart, replay, letter.pk, now=NOW) for _ in range(6)]
    assert sorted(click.result() for click in clicks) == [False] * 5 + [True]
    assert BufferedBatch.objects.count() == 1
    drain()
    assert Event.objects.count() == 1
