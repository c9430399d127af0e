"""Of very many items, no visitor waits until all are read: a thread does it, and lists go on."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest
from django.db import OperationalError
from django.utils import timezone

from personalization.ml.models import Item
from personalization.ml.serving import shelf as module
from personalization.ml.serving.shelf import FRESH, Shelf, shelf
from tests.delivery.recommending import make_items
from tests.delivery.rendering import counted

pytestmark = pytest.mark.django_db(transaction=True)

NOW = timezone.now()
KEYS = [f"item-{n}" for n in range(8)]


class Reading:
    """Counts how often all is read, and holds that up until `may_end` is set."""

    def __init__(self, read: Callable[[], Shelf]) -> None:
        self._read = read
        self.times = 0
        self.may_end = threading.Event()
        self.is_away = False

    def __call__(self) -> Shelf:
        self.times += 1
        found = self._read()
        assert self.may_end.wait(60)
        if self.is_away:
            raise OperationalError("the database is away")
        return found

    def end(self) -> None:
        """Let it end, and wait for that."""
        self.may_end.set()
        reader = module._kept._reader
        assert reader is not None
        reader.join(60)
        assert not module._kept.is_read_aside


@pytest.fixture
def reading(monkeypatch: pytest.MonkeyPatch) -> Iterator[Reading]:
    """A site of which three rows are too many to be read while a visitor waits."""
    monkeypatch.setattr(module, "AT_ONCE", 2)
    reading = Reading(module._read_whole)
    monkeypatch.setattr(module, "_read_whole", reading)
    make_items(*KEYS)
    yield reading
    reading.end()


def keys(looks: int = 0) -> set[str]:
    return set(shelf(now=NOW + looks * FRESH).items)


def test_the_first_list_is_of_those_that_changed_last_and_the_next_of_all(reading: Reading) -> None:
    assert keys() == set(KEYS[-3:])
    assert keys() == keys(1) == set(KEYS[-3:]), "whoever asks meanwhile waits for nothing"
    reading.end()
    assert keys(1) == set(KEYS)
    assert reading.times == 1
    assert "index" in shelf(now=NOW + FRESH).__dict__, "nobody waits for what finds them either"


def test_the_old_shelf_serves_until_many_changes_are_read(reading: Reading) -> None:
    keys()
    reading.end()
    reading.may_end.clear()
    Item.objects.filter(key__in=KEYS[:5]).update(is_active=False)
    assert keys(1) == set(KEYS)
    assert keys(2) == set(KEYS)
    reading.end()
    assert keys(2) == set(KEYS[5:])
    assert reading.times == 2


def test_few_changes_are_seen_at_once_however_many_items_there_are(reading: Reading) -> None:
    keys()
    reading.end()
    Item.objects.filter(key__in=KEYS[:2]).update(is_active=False)
    assert keys(1) == set(KEYS[2:])
    assert reading.times == 1


def test_what_is_written_while_all_is_read_is_seen_by_the_next_look(reading: Reading) -> None:
    keys()
    Item.objects.filter(key=KEYS[0]).update(is_active=False)
    make_items("new")
    reading.end()
    assert {"new"} | set(KEYS[1:]) == keys(1)


def test_after_a_failure_it_is_tried_again_by_whoever_looks_next(reading: Reading) -> None:
    before = counted("models.not_looked_at")
    reading.is_away = True
    keys()
    reading.end()
    assert counted("models.not_looked_at") == before + 1
    assert keys() == set(KEYS[-3:])
    reading.is_away = False
    keys(1)
    reading.end()
    assert keys(1) == set(KEYS)
    assert reading.times == 2


def test_what_was_forgotten_is_not_brought_back(reading: Reading) -> None:
    keys()
    module.forget()
    reading.end()
    assert module._kept._kept is None
