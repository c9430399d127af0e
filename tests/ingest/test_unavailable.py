"""What cannot be kept now is answered so that clients keep it."""

from __future__ import annotations

import json
from typing import Any, ClassVar

import pytest
from django.db import InterfaceError, OperationalError, connection
from django.test import Client

from personalization.events.buffer import Batch
from personalization.events.buffers.memory import MemoryBuffer
from personalization.events.models import Source
from tests.ingest.sending import post, problem, send, track

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("failure", [OperationalError, InterfaceError])
@pytest.mark.parametrize("path", ["batch", "track"])
def test_a_database_that_is_down_is_told_with_retry_after(
    client: Client, server: Source, path: str, failure: type[Exception]
) -> None:
    def down(*args: Any) -> None:
        raise failure("the server closed the connection unexpectedly")

    body = json.dumps({**track(), "batch": [track()]})
    with connection.execute_wrapper(down):
        response = post(client, body, path=path)
    assert response.status_code == 503
    assert int(response.headers["Retry-After"]) > 0
    assert problem(response) == "unavailable"
    assert post(client, body, path=path).status_code == 200


class FullBuffer(MemoryBuffer):
    def append(self, batch: Batch) -> None:
        raise OperationalError("disk full")


def test_a_buffer_that_does_not_take_it_is_told_too(
    client: Client, server: Source, settings: Any
) -> None:
    settings.PERSONALIZATION_BUFFER = f"{__name__}.FullBuffer"
    response = post(client, json.dumps({"batch": [track()]}))
    assert response.status_code == 503
    assert problem(response) == "unavailable"


class WatchfulBuffer(MemoryBuffer):
    transactions: ClassVar[list[bool]] = []

    def append(self, batch: Batch) -> None:
        self.transactions.append(connection.in_atomic_block)


@pytest.mark.django_db(transaction=True)
def test_events_are_kept_before_they_are_answered_under_atomic_requests(
    client: Client, server: Source, settings: Any
) -> None:
    settings.PERSONALIZATION_BUFFER = f"{__name__}.WatchfulBuffer"
    connection.settings_dict["ATOMIC_REQUESTS"] = True
    try:
        assert send(client, track())["accepted"] == 1
    finally:
        connection.settings_dict["ATOMIC_REQUESTS"] = False
    assert WatchfulBuffer.transactions == [False], "no transaction that could fail later"
