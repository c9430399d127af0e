"""How many requests pass in a minute, and what becomes of the others."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.core.cache.backends.locmem import LocMemCache
from django.test import Client, RequestFactory
from hypothesis import given
from hypothesis import strategies as st

from personalization import metrics
from personalization.events.models import BufferedBatch, Source
from personalization.exceptions import TooMany
from personalization.ingest import throttle
from personalization.ingest.throttle import MINUTE, seconds_to_wait
from tests.ingest.sending import post, problem, track

START = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)


class WatchedCache(LocMemCache):
    """Writes down what it is asked for, and fails when told to."""

    asked: list[str] = []
    failure: Exception | None = None

    def _note(self, what: str) -> None:
        self.asked.append(what)
        if self.failure is not None:
            raise self.failure

    def add(self, *args: Any, **kwargs: Any) -> bool:
        self._note("add")
        return super().add(*args, **kwargs)

    def get(self, *args: Any, **kwargs: Any) -> Any:
        self._note("get")
        return super().get(*args, **kwargs)

    def incr(self, *args: Any, **kwargs: Any) -> int:
        self._note("incr")
        return super().incr(*args, **kwargs)


@pytest.fixture
def watched(settings: Any) -> Iterator[list[str]]:
    settings.CACHES = {"default": {"BACKEND": f"{__name__}.WatchedCache", "LOCATION": "watched"}}
    cache.clear()
    WatchedCache.asked.clear()
    yield WatchedCache.asked
    WatchedCache.failure = None


@pytest.fixture
def limited() -> Callable[..., Source]:
    """Make a source without a row: nothing here asks the database."""

    def make(rate: int | None, *, kind: str = Source.Kind.SERVER, pk: int = 1) -> Source:
        return Source(pk=pk, slug="limited", kind=kind, rate_limit=rate)

    return make


def admit(source: Source | None, *, at: float, address: str = "198.51.100.7") -> float:
    """Return 0.0 if a request at `at` seconds passes, else how long it is told to wait."""
    request = RequestFactory().post("/", REMOTE_ADDR=address)
    try:
        throttle.admit(request, source, address, now=START + timedelta(seconds=at))
    except TooMany as error:
        return float(error.headers["Retry-After"])
    return 0.0


@contextmanager
def another_process() -> Iterator[None]:
    """What one process remembers, another does not know."""
    memories, throttle._memories = throttle._memories, type(throttle._memories)(100)
    yield
    throttle._memories = memories


# -- how many -----------------------------------------------------------------------------------


def test_as_many_pass_as_the_source_may_send(limited: Callable[..., Source]) -> None:
    source = limited(5)
    assert [admit(source, at=1) > 0 for _ in range(8)] == [False] * 5 + [True] * 3


def test_requests_that_overtake_each_other_do_not_seem_too_many(
    limited: Callable[..., Source],
) -> None:
    source = limited(100)
    admit(source, at=10.5)
    assert admit(source, at=10.4) == 0


def test_a_source_without_a_limit_has_none_and_asks_no_cache(
    limited: Callable[..., Source], watched: list[str]
) -> None:
    assert not any(admit(limited(None), at=1) for _ in range(2000))
    assert watched == []


def test_a_limit_of_nothing_lets_nothing_through(limited: Callable[..., Source]) -> None:
    assert admit(limited(0), at=50) == 11


def test_sources_do_not_take_from_each_other(limited: Callable[..., Source]) -> None:
    assert admit(limited(1, pk=1), at=1) == 0
    assert admit(limited(1, pk=2), at=1) == 0
    assert admit(limited(1, pk=1), at=1) > 0


def test_a_limit_that_is_raised_counts_at_once(limited: Callable[..., Source]) -> None:
    assert [admit(limited(1), at=1) > 0 for _ in range(2)] == [False, True]
    assert [admit(limited(3), at=1) > 0 for _ in range(3)] == [False, False, True]


def test_there_is_no_second_helping_at_the_turn_of_the_minute(
    limited: Callable[..., Source],
) -> None:
    source = limited(60)
    assert not any(admit(source, at=59) for _ in range(60))
    assert sum(admit(source, at=61) == 0 for _ in range(60)) == 1


def test_who_waits_as_long_as_told_gets_in(limited: Callable[..., Source]) -> None:
    source, at = limited(7), 3.0
    for _ in range(100):
        wait = admit(source, at=at)
        at += wait
        if wait:
            assert admit(source, at=at) == 0


@pytest.mark.parametrize(
    ("rate", "processes"),
    [
        *((1, 1), (6, 2), (60, 1), (600, 2)),
        *(
            pytest.param(*one, marks=pytest.mark.slow)
            for one in ((1, 2), (6, 1), (60, 2), (600, 1))
        ),
    ],
)
def test_who_never_pauses_gets_what_it_may_and_no_more(
    limited: Callable[..., Source], rate: int, processes: int
) -> None:
    source, passed = limited(rate), 0
    for tick in range(6000):  # twenty a second, for five minutes
        if processes == 2 and tick % 2:
            with another_process():
                passed += admit(source, at=tick / 20) == 0
        else:
            passed += admit(source, at=tick / 20) == 0
    assert 5 * rate * 0.9 - 1 <= passed <= 5 * rate + 1


@given(
    rate=st.integers(1, 1000),
    before=st.integers(0, 1000),
    count=st.integers(1, 1200),
    elapsed=st.floats(0, MINUTE, exclude_max=True),
)
def test_the_time_to_wait_is_enough_and_not_too_long(
    rate: int, before: int, count: int, elapsed: float
) -> None:
    before = min(before, rate)
    wait = seconds_to_wait(rate, before=before, count=count, elapsed=elapsed)
    estimate = math.floor(before * (MINUTE - elapsed) / MINUTE) + count
    assert (wait == 0) == (estimate <= rate)
    assert wait <= MINUTE - elapsed + 0.001
    later = elapsed + wait + 0.001
    if wait and later < MINUTE:  # this one is not counted, so it comes again
        assert not seconds_to_wait(rate, before=before, count=count, elapsed=later)


# -- what is counted ----------------------------------------------------------------------------


def test_a_request_that_passes_costs_one_operation(
    limited: Callable[..., Source], watched: list[str]
) -> None:
    source = limited(100)
    for _ in range(40):
        assert admit(source, at=30) == 0
    assert watched == ["add"] + ["incr"] * 39


def test_what_was_before_is_asked_for_once_and_only_when_it_matters(
    limited: Callable[..., Source], watched: list[str]
) -> None:
    source = limited(100)
    for _ in range(60):
        assert admit(source, at=30) == 0
    assert watched.count("get") == 1
    assert len(watched) == 61


def test_while_nothing_fits_the_cache_is_left_alone(
    limited: Callable[..., Source], watched: list[str]
) -> None:
    source = limited(3)
    for _ in range(5):
        admit(source, at=10)
    asked = len(watched)
    assert all(admit(source, at=10) == 51 for _ in range(1000))
    assert len(watched) == asked


def test_two_processes_count_together(limited: Callable[..., Source]) -> None:
    source = limited(4)
    assert [admit(source, at=1) for _ in range(2)] == [0, 0]
    with another_process():
        assert [admit(source, at=1) > 0 for _ in range(3)] == [False, False, True]
    assert admit(source, at=1) > 0


def test_a_cache_that_drops_a_count_begins_anew(limited: Callable[..., Source]) -> None:
    source = limited(2)
    assert [admit(source, at=1) for _ in range(2)] == [0, 0]
    cache.clear()
    assert admit(source, at=2) == 0


def test_a_count_that_is_dropped_while_it_is_full_breaks_nothing(
    limited: Callable[..., Source], monkeypatch: pytest.MonkeyPatch
) -> None:
    source = limited(1)
    assert admit(source, at=1) == 0

    def dropped(*args: Any, **kwargs: Any) -> int:
        raise ValueError("no such key")

    monkeypatch.setattr(LocMemCache, "decr", dropped)
    assert admit(source, at=1) > 0


def test_addresses_without_number_take_no_memory_without_end(settings: Any) -> None:
    settings.PERSONALIZATION_ADDRESS_RATE = 10
    for number in range(6000):
        admit(None, at=1, address=f"10.0.{number // 250}.{number % 250}")
    assert len(throttle._memories) <= 4096


# -- a cache that is away -----------------------------------------------------------------------


@pytest.mark.parametrize("failure", [ConnectionRefusedError, TimeoutError, OSError])
def test_a_cache_that_is_away_lets_everything_in(
    limited: Callable[..., Source], watched: list[str], failure: type[Exception]
) -> None:
    source = limited(1)
    WatchedCache.failure = failure("the cache is away")
    before = metrics.snapshot().get("ingest.throttle_unavailable", 0)
    assert [admit(source, at=1) for _ in range(5)] == [0] * 5
    assert metrics.snapshot()["ingest.throttle_unavailable"] == before + 5
    assert len(watched) == 1, "it may take long to find out that it is away"
    WatchedCache.failure = None
    assert [admit(source, at=5.9) for _ in range(2)] == [0, 0]
    assert [admit(source, at=6.1) > 0 for _ in range(2)] == [False, True]


def test_a_clock_that_is_set_back_does_not_keep_the_cache_away(
    limited: Callable[..., Source], watched: list[str]
) -> None:
    WatchedCache.failure = OSError("the cache is away")
    assert admit(limited(1), at=1000) == 0
    WatchedCache.failure = None
    assert [admit(limited(1), at=1) > 0 for _ in range(2)] == [False, True]


def test_a_request_that_was_overtaken_is_not_too_soon(limited: Callable[..., Source]) -> None:
    source = limited(10)
    assert [admit(source, at=at) for at in (1.5, 1.2, 1.4)] == [0, 0, 0]


def test_the_client_of_redis_is_known(limited: Callable[..., Source], watched: list[str]) -> None:
    redis = pytest.importorskip("redis", reason="the client of Redis is not installed")
    WatchedCache.failure = redis.exceptions.ConnectionError("Error 111 connecting to Redis")
    assert [admit(limited(1), at=1) for _ in range(3)] == [0] * 3


def test_a_mistake_of_our_own_is_not_taken_for_a_cache_that_is_away(
    limited: Callable[..., Source], watched: list[str]
) -> None:
    WatchedCache.failure = AttributeError("a mistake")
    with pytest.raises(AttributeError):
        admit(limited(1), at=1)


# -- by address ---------------------------------------------------------------------------------


def test_browsers_and_wrong_keys_are_limited_by_address(
    limited: Callable[..., Source], settings: Any
) -> None:
    settings.PERSONALIZATION_ADDRESS_RATE = 4
    browser = limited(None, kind=Source.Kind.BROWSER)
    assert [admit(who, at=1) > 0 for who in (browser, None, browser, None)] == [False] * 4
    assert admit(browser, at=1) > 0
    assert admit(None, at=1) > 0
    assert admit(browser, at=1, address="198.51.100.8") == 0


def test_a_server_sends_from_one_address_for_everybody(
    limited: Callable[..., Source], settings: Any, watched: list[str]
) -> None:
    settings.PERSONALIZATION_ADDRESS_RATE = 1
    assert not any(admit(limited(None), at=1) for _ in range(50))
    assert watched == []


def test_what_is_refused_for_its_address_takes_nothing_from_the_source(
    limited: Callable[..., Source], settings: Any
) -> None:
    settings.PERSONALIZATION_ADDRESS_RATE = 2
    browser = limited(4, kind=Source.Kind.BROWSER)
    for _ in range(50):
        admit(browser, at=1)
    assert [admit(browser, at=1, address="198.51.100.8") for _ in range(2)] == [0, 0]


def test_an_ipv6_client_has_one_count_for_its_network(settings: Any) -> None:
    settings.PERSONALIZATION_ADDRESS_RATE = 2
    assert [admit(None, at=1, address=f"2001:db8:0:1::{n}") > 0 for n in range(3)] == [
        False, False, True,
    ]  # fmt: skip
    assert admit(None, at=1, address="2001:db8:0:2::1") == 0


@pytest.mark.parametrize(("rate", "address"), [(0, "198.51.100.7"), (1, "")])
def test_without_a_rate_or_an_address_nothing_is_counted(
    settings: Any, watched: list[str], rate: int, address: str
) -> None:
    settings.PERSONALIZATION_ADDRESS_RATE = rate
    assert not any(admit(None, at=1, address=address) for _ in range(20))
    assert watched == []


def test_a_proxy_that_nobody_told_us_of_is_not_throttled_for_all_visitors(settings: Any) -> None:
    settings.PERSONALIZATION_ADDRESS_RATE = 1
    request = RequestFactory().post(
        "/", REMOTE_ADDR="127.0.0.1", headers={"x-forwarded-for": "198.51.100.7"}
    )
    before = metrics.snapshot().get("ingest.proxy_unknown", 0)
    for _ in range(5):
        throttle.admit(request, None, "127.0.0.1", now=START)
    assert metrics.snapshot()["ingest.proxy_unknown"] == before + 5


# -- at the endpoint ----------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.usefixtures("endless_minute")
def test_a_source_over_its_limit_is_told_when_to_come_again(client: Client, server: Source) -> None:
    server.rate_limit = 2
    server.save()
    body = json.dumps({"batch": [track()]})
    assert [post(client, body).status_code for _ in range(2)] == [200, 200]
    response = post(client, body)
    assert response.status_code == 429
    assert problem(response) == "too_many_requests"
    assert "2 requests a minute" in response.json()["message"]
    # The browser library of Segment reads this one only, and as seconds.
    assert response.headers["X-RateLimit-Reset"] == response.headers["Retry-After"]
    assert int(response.headers["Retry-After"]) > 0
    assert BufferedBatch.objects.count() == 2


@pytest.mark.django_db
@pytest.mark.usefixtures("endless_minute")
def test_who_tries_keys_is_told_to_wait(client: Client, server: Source, settings: Any) -> None:
    settings.PERSONALIZATION_ADDRESS_RATE = 3
    answers = [post(client, '{"batch": []}', key=f"guess-{n}").status_code for n in range(4)]
    assert answers == [401, 401, 401, 429]
    # The site's own servers share that address, and have the key.
    assert post(client, '{"batch": []}').status_code == 200


@pytest.mark.redis
def test_in_redis_the_whole_site_counts_together(
    limited: Callable[..., Source], settings: Any, redis_url: str
) -> None:
    backend = "django.core.cache.backends.redis.RedisCache"
    settings.CACHES = {"default": {"BACKEND": backend, "LOCATION": redis_url}}
    cache.clear()
    source = limited(4)
    assert [admit(source, at=1) for _ in range(3)] == [0, 0, 0]
    with another_process():
        assert [admit(source, at=1) > 0 for _ in range(2)] == [False, True]
    assert admit(source, at=1) > 0
    name = f"personalization:rate:source:1:{int(START.timestamp() // MINUTE)}"
    assert cache.get(name) == 4, "what is refused is not counted"
    cache.clear()


def test_a_redis_that_is_not_there_lets_everything_in(
    limited: Callable[..., Source], settings: Any
) -> None:
    pytest.importorskip("redis", reason="the client of Redis is not installed")
    backend = "django.core.cache.backends.redis.RedisCache"
    settings.CACHES = {"default": {"BACKEND": backend, "LOCATION": "redis://127.0.0.1:1/0"}}
    assert [admit(limited(1), at=1) for _ in range(3)] == [0] * 3


# -- whom a count is of -------------------------------------------------------------------------


def names(address: str, *, day: int) -> list[str]:
    request = RequestFactory().post("/", REMOTE_ADDR=address)
    now = START + timedelta(days=day)
    return [limit.key for limit in throttle._limits(request, None, address, now=now)]


def test_an_address_is_called_another_thing_each_day() -> None:
    assert names("198.51.100.7", day=0) == names("198.51.100.7", day=0)
    assert names("198.51.100.7", day=0) != names("198.51.100.7", day=1)


def test_two_addresses_are_two_and_a_network_of_the_new_kind_is_one() -> None:
    assert names("198.51.100.7", day=0) != names("198.51.100.8", day=0)
    assert names("2606:2800:220:1::1", day=0) == names("2606:2800:220:1::2", day=0)
    assert not any("198.51" in key for key in names("198.51.100.7", day=0))
