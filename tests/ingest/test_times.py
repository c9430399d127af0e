from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from personalization.events.models import Event, Source
from personalization.exceptions import EventRejected
from personalization.ingest.times import happened_at, read_time
from personalization.testing import drain
from tests.ingest.sending import codes, post, send, track

RECEIVED = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("stated", "sent_at", "expected"),
    [
        # The client's clock is right, a day behind, a day ahead: each event is a minute old.
        (RECEIVED - MINUTE, RECEIVED, RECEIVED - MINUTE),
        (RECEIVED - DAY - MINUTE, RECEIVED - DAY, RECEIVED - MINUTE),
        (RECEIVED + DAY - MINUTE, RECEIVED + DAY, RECEIVED - MINUTE),
        # A device that thinks it is 1970.
        (datetime(1970, 1, 1, 0, 5, tzinfo=UTC), datetime(1970, 1, 1, 0, 6, tzinfo=UTC), RECEIVED - MINUTE),
        # Sent long after it happened.
        (RECEIVED - 30 * DAY, RECEIVED, RECEIVED - 30 * DAY),
        # Without the time of sending the stated time stands.
        (RECEIVED - DAY, None, RECEIVED - DAY),
        # Nothing happens in the future, however it is stated.
        (RECEIVED + DAY, None, RECEIVED),
        (RECEIVED + DAY, RECEIVED, RECEIVED),
        (RECEIVED, RECEIVED - DAY, RECEIVED),
        (datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC), None, RECEIVED),
        (datetime(9999, 12, 31, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC), RECEIVED),
        (RECEIVED, datetime(1, 1, 1, tzinfo=UTC), RECEIVED),
        # The earliest that is believed.
        (datetime(1970, 1, 1, tzinfo=UTC), None, datetime(1970, 1, 1, tzinfo=UTC)),
    ],
)  # fmt: skip
def test_the_clock_of_the_client_is_corrected(
    stated: datetime, sent_at: datetime | None, expected: datetime
) -> None:
    assert happened_at(stated.isoformat(), sent_at=sent_at, received_at=RECEIVED) == expected


@pytest.mark.parametrize(
    ("stated", "sent_at"),
    [
        ("0001-01-01T00:00:00Z", None),
        ("0001-01-01T00:00:00+14:00", None),
        ("1969-12-31T23:59:59Z", None),
        ("2026-05-04T12:00:00Z", datetime(9999, 12, 31, tzinfo=UTC)),
        ("0001-01-01T00:00:00Z", RECEIVED),
    ],
)
def test_absurd_times_are_refused(stated: str, sent_at: datetime | None) -> None:
    with pytest.raises(EventRejected) as caught:
        happened_at(stated, sent_at=sent_at, received_at=RECEIVED)
    assert caught.value.code == "invalid_timestamp"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-05-04T12:00:00Z", RECEIVED),
        ("2026-05-04T14:00:00+02:00", RECEIVED),
        ("2026-05-04T12:00:00.000Z", RECEIVED),
        ("2026-05-04T12:00:00.000000+00:00", RECEIVED),
        ("2026-05-04T12:00:00", RECEIVED),
        ("2026-05-04 12:00", RECEIVED),
        ("20260504T120000Z", RECEIVED),
        ("2026-05-04T12:00:00.123456Z", RECEIVED.replace(microsecond=123456)),
        ("", None),
        ("yesterday", None),
        ("2026-13-01T00:00:00Z", None),
        ("2026-02-30T00:00:00Z", None),
        ("1777896000", None),
        (1777896000, None),
        (None, None),
        (True, None),
        ([], None),
    ],
)
def test_times_are_read_as_clients_write_them(text: Any, expected: datetime | None) -> None:
    assert read_time(text) == expected


@pytest.mark.django_db
def test_an_event_without_a_time_happened_when_it_arrived(client: Client, server: Source) -> None:
    before = datetime.now(UTC)
    send(client, track(), track(timestamp=None), track(timestamp=""))
    drain()
    for event in Event.objects.all():
        assert before <= event.timestamp == event.received_at <= datetime.now(UTC)


@pytest.mark.django_db
@pytest.mark.parametrize("kind", ["batch", "track"])
def test_an_hour_ago_is_an_hour_ago_whatever_the_clients_clock_says(
    client: Client, server: Source, kind: str
) -> None:
    wrong = datetime.now(UTC) + timedelta(days=400)
    call = track(originalTimestamp=(wrong - timedelta(hours=1)).isoformat())
    body = call if kind == "track" else {"batch": [call]}
    sent = post(client, json.dumps({**body, "sentAt": wrong.isoformat()}), path=kind)
    assert sent.status_code == 200
    drain()
    age = datetime.now(UTC) - Event.objects.get().timestamp
    assert timedelta(hours=1) <= age < timedelta(hours=1, minutes=1)


@pytest.mark.django_db
@pytest.mark.parametrize("sent_at", ["", "soon", 17, None, [], {}, True])
def test_a_time_of_sending_that_cannot_be_read_corrects_nothing(
    client: Client, server: Source, sent_at: Any
) -> None:
    stated = datetime.now(UTC) - 300 * DAY
    send(client, track(timestamp=stated.isoformat()), sentAt=sent_at)
    drain()
    assert Event.objects.get().timestamp == stated


@pytest.mark.django_db
def test_an_absurd_time_takes_no_neighbour_along(client: Client, server: Source) -> None:
    answer = send(client, track("Good"), track(timestamp="0001-01-01T00:00:00Z"))
    assert codes(answer["rejected"]) == {1: "invalid_timestamp"}
    assert drain() == 1
    assert Event.objects.get().name == "Good"
