"""Tests run in several processes, which must not meet in what they share."""

from __future__ import annotations

import subprocess

import pytest

from tests import machine
from tests.machine import REDIS_DATABASES, java_version, redis_of

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


@pytest.mark.parametrize(
    ("said", "version"),
    [
        ('openjdk version "17.0.15" 2025-04-15\nOpenJDK Runtime Environment', 17),
        ('java version "1.8.0_401"\nJava(TM) SE Runtime Environment', 8),
        ('openjdk version "25" 2025-09-16', 25),
        ("The operation couldn’t be completed. Unable to locate a Java Runtime.", 0),
        ("", 0),
    ],
)
def test_the_version_of_java_is_read(said: str, version: int) -> None:
    assert java_version(said) == version


@pytest.mark.parametrize(
    ("packages", "java", "reason"),
    [
        ((), "/usr/bin/java", "pyspark is not installed"),
        (("pyspark",), None, "there is no Java"),
        (("pyspark",), "8", "it needs Java 17, here is 8"),
        (("pyspark",), "17", ""),
    ],
)
def test_why_spark_is_not_tested_is_told(
    packages: tuple[str, ...], java: str | None, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def told(*args: object, **options: object) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess([], 0, "", f'openjdk version "{java}"')

    monkeypatch.setattr(machine, "find_spec", lambda name: name if name in packages else None)
    monkeypatch.setattr(machine.shutil, "which", lambda name: java)
    monkeypatch.setattr(machine.subprocess, "run", told)
    assert machine.missing_spark.__wrapped__().removeprefix("Spark: ") == reason
