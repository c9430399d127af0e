"""Several workers hear of the same people at once: each with a connection of its own."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection, transaction

from personalization.clock import moment
from personalization.profiles.identity import find, find_or_create
from personalization.profiles.locks import hold_profiles_of
from personalization.profiles.models import IdentityLink, Profile, Snapshot
from tests.profiles.test_links import START, key, link, of, persons, profile_of, said

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]


@contextmanager
def _elsewhere() -> Iterator[Callable[..., Future[Any]]]:
    """Give a way to start work in another thread, with a connection of its own."""

    def closing(work: Callable[..., Any], *args: Any) -> Any:
        try:
            return work(*args)
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        yield lambda work, *args: pool.submit(closing, work, *args)


def _wait_until_somebody_waits_for_us() -> None:
    end = time.monotonic() + 60
    waiting = (
        "SELECT COUNT(*) FROM pg_locks "
        "WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid))"
    )
    while time.monotonic() < end:
        with connection.cursor() as cursor:
            cursor.execute(waiting)
            if cursor.fetchone()[0]:
                return
        time.sleep(0.02)
    raise AssertionError("nobody waits for a lock of ours")


def _meet(*names: str) -> None:
    find_or_create(map(key, names))


@pytest.mark.parametrize(("mine", "theirs"), [(1, 2), (2, 1)])
def test_two_workers_link_one_device_with_two_users(mine: int, theirs: int) -> None:
    _meet("user:u", "user:v", "anonymous:a")
    with _elsewhere() as start:
        with transaction.atomic():
            said(link("user:u", "anonymous:a", mine))
            other = start(said, link("user:v", "anonymous:a", theirs))
            _wait_until_somebody_waits_for_us()
        other.result(timeout=60)
    first, second = ("user:u", "user:v") if mine < theirs else ("user:v", "user:u")
    assert persons() == of(f"{first} anonymous:a", second)
    assert Snapshot.objects.count() == Profile.objects.count() == 2


@pytest.mark.parametrize(("mine", "theirs"), [(1, 2), (2, 1)])
def test_of_two_workers_that_hear_the_same_the_earlier_statement_is_kept(
    mine: int, theirs: int
) -> None:
    _meet("user:u", "anonymous:a")
    with _elsewhere() as start:
        with transaction.atomic():
            said(link("user:u", "anonymous:a", mine))
            other = start(said, link("user:u", "anonymous:a", theirs))
            _wait_until_somebody_waits_for_us()
        other.result(timeout=60)
    assert IdentityLink.objects.get().stated_at == moment(START + 1)
    assert persons() == of("user:u anonymous:a")


def test_chains_that_two_workers_build_from_both_ends_meet() -> None:
    _meet("anonymous:a", "anonymous:b", "anonymous:c", "user:u")
    with _elsewhere() as start:
        with transaction.atomic():
            said(link("anonymous:b", "anonymous:c", 5))
            other = start(said, link("user:u", "anonymous:b", 1), link("anonymous:a", "user:u", 2))
            _wait_until_somebody_waits_for_us()
        other.result(timeout=60)
    assert persons() == of("user:u anonymous:a anonymous:b anonymous:c")


def test_who_waits_for_a_profile_gets_the_one_the_identity_went_to() -> None:
    said(link("user:adam", "anonymous:tablet", 9))
    stale = find([key("anonymous:tablet")])[key("anonymous:tablet")]

    def held() -> list[int]:
        with transaction.atomic():
            return list(hold_profiles_of([stale]))

    with _elsewhere() as start:
        with transaction.atomic():
            said(link("user:zoe", "anonymous:tablet", 1))
            other = start(held)
            _wait_until_somebody_waits_for_us()
        assert other.result(timeout=60) == [profile_of("user:zoe")]
    assert stale.profile_id == profile_of("user:zoe") != profile_of("user:adam")
