from __future__ import annotations

import json
import math
import threading
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client

from personalization.events.buffer import Batch
from personalization.events.models import BufferedBatch, Event, Source
from personalization.exceptions import BufferUnavailable, TooMany
from personalization.ingest import pressure
from personalization.testing import drain
from tests.ingest.sending import post, problem, send, track


class Counted:
    """A buffer that says how deep it is, and remembers who asked."""

    depths: list[int | Exception] = []
    limits: list[int | None] = []

    def depth(self, *, limit: int | None = None) -> int:
        self.limits.append(limit)
        found = self.depths.pop(0)
        if isinstance(found, Exception):
            raise found
        return found

    def append(self, batch: Batch) -> None:
        raise BufferUnavailable("not asked for")


@pytest.fixture
def counted(settings: Any) -> type[Counted]:
    Counted.depths, Counted.limits = [], []
    settings.PERSONALIZATION_BUFFER = f"{__name__}.Counted"
    settings.PERSONALIZATION_BUFFER_LIMIT = 100
    return Counted


@pytest.fixture(autouse=True)
def gauge() -> pressure.Gauge:
    """A gauge that has not counted yet, and then counts once in a test."""
    pressure.gauge = pressure.Gauge(fresh=math.inf)
    return pressure.gauge


def look_again() -> None:
    pressure.gauge.counted_at = -math.inf


def test_below_the_limit_everybody_is_let_in(counted: type[Counted]) -> None:
    counted.depths = [99]
    pressure.admit()


@pytest.mark.parametrize("depth", [100, 101, 10**9])
def test_at_the_limit_clients_are_sent_away(counted: type[Counted], depth: int) -> None:
    counted.depths = [depth]
    with pytest.raises(TooMany, match="100 requests wait to be processed") as refused:
        pressure.admit()
    assert (refused.value.status, refused.value.code) == (429, "backlog_full")
    seconds = refused.value.retry_after
    assert str(seconds) in str(refused.value)
    assert refused.value.headers == {
        "Retry-After": str(seconds),
        "X-RateLimit-Reset": str(seconds),
    }


def test_a_count_holds_for_a_while(counted: type[Counted]) -> None:
    counted.depths = [0, 100, 0]
    for _ in range(100):
        pressure.admit()
    assert len(counted.limits) == 1
    look_again()
    for _ in range(100):
        with pytest.raises(TooMany):
            pressure.admit()
    assert len(counted.limits) == 2
    look_again()
    pressure.admit()


def test_after_a_second_it_is_counted_anew(
    counted: type[Counted], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]
    monkeypatch.setattr(pressure.time, "monotonic", lambda: now[0])
    pressure.gauge = pressure.Gauge()
    counted.depths = [1, 2, 3]
    seen = []
    for seconds in (0, 0.5, 0.499, 0.001, 0.9, 0.1, 3600):
        now[0] += seconds
        if seconds == 3600:
            counted.depths = [4]
        seen.append(pressure.gauge.read(limit=100))
    assert seen == [1, 1, 1, 2, 2, 3, 4]


def test_no_more_is_counted_than_matters(counted: type[Counted]) -> None:
    counted.depths = [0]
    pressure.admit()
    assert counted.limits == [200]


def test_a_count_that_failed_is_tried_again(counted: type[Counted]) -> None:
    counted.depths = [BufferUnavailable("down"), 0]
    with pytest.raises(BufferUnavailable):
        pressure.admit()
    pressure.admit()
    assert len(counted.limits) == 2


def test_nobody_waits_for_the_one_who_counts(
    counted: type[Counted], gauge: pressure.Gauge, monkeypatch: pytest.MonkeyPatch
) -> None:
    began, go_on = threading.Event(), threading.Event()

    def depth(self: Counted, *, limit: int | None = None) -> int:
        began.set()
        assert go_on.wait(60)
        return 7

    monkeypatch.setattr(Counted, "depth", depth)
    thread = threading.Thread(target=lambda: gauge.read(limit=100))
    thread.start()
    assert began.wait(60)
    assert gauge.read(limit=100) == 0
    go_on.set()
    thread.join()
    assert gauge.read(limit=100) == 7


def waits(depth: int, *, jitter: float = 0.0) -> int:
    return pressure.retry_after(depth, limit=1000, jitter=jitter)


def test_the_more_wait_the_longer_clients_are_sent_away() -> None:
    seconds = [waits(depth) for depth in range(1000, 2001, 50)]
    assert seconds == sorted(set(seconds))
    assert (seconds[0], seconds[-1]) == (pressure.FIRST, pressure.LONGEST) == (10, 300)
    assert waits(10**9) == 300
    assert waits(0) == 10


def test_not_all_clients_come_back_at_once() -> None:
    spread = {waits(1500, jitter=step / 100) for step in range(101)}
    assert (min(spread), max(spread)) == (117, 155)
    assert len(spread) > 30
    assert all(waits(depth, jitter=1) >= 1 for depth in (0, 1000, 5000))


@pytest.mark.django_db
class TestAtTheDoor:
    @pytest.fixture(autouse=True)
    def _limit(self, settings: Any, server: Source) -> None:
        settings.PERSONALIZATION_BUFFER_LIMIT = 2

    def test_events_are_refused_until_the_worker_has_caught_up(self, client: Client) -> None:
        send(client, track())
        send(client, track())
        look_again()
        response = post(client, json.dumps({"batch": [track()]}))
        assert response.status_code == 429
        assert problem(response) == "backlog_full"
        assert 1 <= int(response.headers["Retry-After"]) <= 10
        assert BufferedBatch.objects.count() == 2
        drain()
        look_again()
        send(client, track())
        drain()
        assert Event.objects.count() == 3

    def test_a_wrong_key_learns_nothing_of_the_backlog(self, client: Client) -> None:
        send(client, track())
        send(client, track())
        look_again()
        response = post(client, json.dumps({"batch": [track()]}), key="nobody's")
        assert (response.status_code, problem(response)) == (401, "invalid_write_key")

    def test_an_admitted_request_costs_no_query_more(
        self, client: Client, django_assert_num_queries: Any
    ) -> None:
        send(client, track())
        cache.clear()
        with django_assert_num_queries(1):
            send(client, track())

    def test_the_count_reads_no_more_rows_than_twice_the_limit(
        self, client: Client, django_assert_num_queries: Any
    ) -> None:
        for _ in range(2):
            send(client, track())
        BufferedBatch.objects.bulk_create(
            BufferedBatch(source_id=Source.objects.get().pk, payload="[]") for _ in range(7)
        )
        look_again()
        with django_assert_num_queries(1) as captured:
            assert pressure.gauge.read(limit=4) == 4
        assert "LIMIT 4" in captured[0]["sql"]
