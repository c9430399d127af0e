"""Tests run in several processes, which must not meet in what they share."""

from __future__ import annotations

import pytest

from tests.machine import REDIS_DATABASES, redis_of

WORKERS = [f"gw{n}" for n in range(REDIS_DATABASES)]


def test_a_single_process_has_the_redis_that_is_given() -> None:
    assert redis_of("", "redis://:secret@cache.example:6380/7") == (
        "redis://:secret@cache.example:6380/7"
    )


@pytest.mark.parametrize("given", ["/15", "/3", "/1", "/0", ""])
def test_each_worker_has_a_redis_database_of_its_own(given: str) -> None:
    urls = [redis_of(worker, f"redis://127.0.0.1:6379{given}") for worker in WORKERS]
    numbers = [int(url.rpartition("/")[2]) for url in urls]
    assert numbers[0] == int(given.strip("/") or 0)
    assert len(set(numbers)) == len(WORKERS)
    assert all(1 <= number <= REDIS_DATABASES for number in numbers[1:])


def test_the_first_workers_have_the_ones_below() -> None:
    assert [redis_of(worker, "redis://localhost/15") for worker in WORKERS[:3]] == [
        "redis://localhost/15",
        "redis://localhost/14",
        "redis://localhost/13",
    ]
