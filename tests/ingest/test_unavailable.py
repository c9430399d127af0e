"""What cannot be kept now is answered so that clients keep it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.db import InterfaceError, OperationalError, connection
from django.test import Client

from personalization.events.buffer import Batch
from personalization.events.buffers.memory import MemoryBuffer
from personalization.events.models import BufferedBatch, Source
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


@pytest.mark.django_db(transaction=True)
def test_events_are_kept_before_they_are_answered_under_atomic_requests(
    client: Client, server: Source
) -> None:
    connection.settings_dict["ATOMIC_REQUESTS"] = True
    try:
        with connection.execute_wrapper(_refuse_savepoints):
            assert send(client, track())["accepted"] == 1
    finally:
        connection.settings_dict["ATOMIC_REQUESTS"] = False
    assert BufferedBatch.objects.count() == 1


def _refuse_savepoints(execute: Any, sql: str, *args: Any) -> Any:
    assert "SAVEPOINT" not in sql, "the view runs inside a transaction that ends after it"
    return execute(sql, *args)
