from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.db import OperationalError
from django.utils import timezone

from personalization.ml.serving.kept import Kept
from tests.delivery.rendering import counted

NOW = timezone.now()
FRESH = timedelta(seconds=5)

pytestmark = pytest.mark.django_db


class Source:
    """Counts how often it is read, and fails when told to."""

    def __init__(self) -> None:
        self.reads = 0
        self.away = False
        self.before: list[int | None] = []

    def read(self, before: int | None, now) -> int:
        if self.away:
            raise OperationalError("the database is away")
        self.reads += 1
        self.before.append(before)
        return self.reads


@pytest.fixture
def source() -> Source:
    return Source()


@pytest.fixture
def kept(source: Source) -> Kept[int]:
    return Kept(source.read, fresh=FRESH)


def test_it_is_read_once_while_it_is_fresh(source, kept):
    assert [kept.at(NOW), kept.at(NOW + FRESH / 2)] == [1, 1]
    assert source.reads == 1


def test_it_is_read_again_with_what_there_was(source, kept):
    assert [kept.at(NOW), kept.at(NOW + FRESH)] == [1, 2]
    assert source.before == [None, 1]


def test_a_clock_that_goes_back_has_it_read_again(source, kept):
    kept.at(NOW)
    assert kept.at(NOW - timedelta(hours=1)) == 2


def test_what_there_was_serves_while_the_database_is_away(source, kept):
    kept.at(NOW)
    source.away, before = True, counted("models.not_looked_at")
    later = NOW + 2 * FRESH
    assert [kept.at(later), kept.at(later)] == [1, 1]
    assert counted("models.not_looked_at") == before + 1, "it is asked for once in a while"
    source.away = False
    assert kept.at(later + FRESH) == 2


def test_without_anything_yet_the_failure_is_told(source, kept):
    source.away = True
    with pytest.raises(OperationalError):
        kept.at(NOW)
    source.away = False
    assert kept.at(NOW) == 1


def test_what_is_forgotten_is_read_anew(source, kept):
    kept.at(NOW)
    kept.forget()
    assert kept.at(NOW) == 2
    assert source.before == [None, None]


def test_the_others_go_on_with_what_there_was_while_one_reads():
    reading, go_on = threading.Event(), threading.Event()

    def read(before: int | None, now) -> int:
        if before is not None:
            reading.set()
            assert go_on.wait(60)
        return (before or 0) + 1

    kept = Kept(read, fresh=FRESH)
    kept.at(NOW)
    later = NOW + FRESH
    found: list[int] = []
    thread = threading.Thread(target=lambda: found.append(kept.at(later)))
    thread.start()
    assert reading.wait(60)
    assert kept.at(later) == 1
    go_on.set()
    thread.join(60)
    assert found == [2]
    assert kept.at(later) == 2
