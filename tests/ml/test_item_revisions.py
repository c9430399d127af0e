"""Numbers of what is written of items: each write has its own, and they are seen in their order."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest
from django.db import connection, transaction

from personalization.ml.item_revisions import ItemsRevision, items_revision, next_revision
from personalization.ml.models import Item
from personalization.revisions import Revision
from tests.ml.training.test_concurrent import at_once

WRITES: list[Callable[[], object]] = [
    lambda: Item.objects.create(key="new"),
    lambda: Item.objects.filter(key="hat").update(title="New"),
    lambda: Item.objects.bulk_create([Item(key="new"), Item(key="newer")]),
    lambda: Item.objects.get(key="hat").save(update_fields=["title"]),
    lambda: Item.objects.get_or_create(key="new"),
]
DELETIONS: list[Callable[[], object]] = [
    lambda: Item.objects.get(key="hat").delete(),
    lambda: Item.objects.filter(key="hat").delete(),
]


@pytest.fixture
def hat(db: None) -> Item:
    return Item.objects.create(key="hat")


def test_before_anything_is_written_there_is_no_number(db: None) -> None:
    assert items_revision() == ItemsRevision(written=0, deleted=0)


@pytest.mark.parametrize("write", WRITES)
def test_each_write_has_a_higher_number_which_its_rows_have(
    hat: Item, write: Callable[[], object]
) -> None:
    before = items_revision()
    write()
    after = items_revision()
    assert after.written > before.written
    assert after.deleted == before.deleted
    assert set(Item.objects.filter(revision__gt=before.written).values_list("revision")) == {
        (after.written,)
    }


@pytest.mark.parametrize("delete", DELETIONS)
def test_a_deletion_raises_both(hat: Item, delete: Callable[[], object]) -> None:
    before = items_revision()
    delete()
    after = items_revision()
    assert after.written > before.written
    assert after.deleted > before.deleted


def test_the_number_of_the_published_configuration_is_another_one(hat: Item) -> None:
    Revision.raise_number()
    items, published = items_revision(), Revision.objects.get(pk=Revision.ID).number
    hat.save()
    assert Revision.objects.get(pk=Revision.ID).number == published
    written = items_revision()
    Revision.raise_number()
    assert items_revision() == written > items


def test_what_is_rolled_back_raises_nothing(hat: Item) -> None:
    before = items_revision()
    with transaction.atomic():
        hat.save()
        assert items_revision() > before
        transaction.set_rollback(True)
    assert items_revision() == before


def test_a_write_that_saves_nothing_is_none(hat: Item) -> None:
    before = Item.objects.values("title", "revision").get()
    hat.title = "Not saved"
    hat.save(update_fields=[])
    assert Item.objects.values("title", "revision").get() == before


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_the_first_writers_of_all_have_numbers_of_their_own() -> None:
    at_once(*(lambda key=key: Item.objects.create(key=key) for key in "abcd"))
    numbers = set(Item.objects.values_list("revision", flat=True))
    assert len(numbers) == 4
    assert max(numbers) == items_revision().written


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_who_has_seen_a_number_has_seen_all_that_was_written_by_a_lower_one() -> None:
    """A transaction that takes long does not put a row under a number that was seen before."""
    Item.objects.create(key="slow")
    Item.objects.create(key="quick")
    before = items_revision()

    def quick() -> None:
        try:
            Item.objects.filter(key="quick").update(title="New")
        finally:
            connection.close()

    other = threading.Thread(target=quick)
    with next_revision() as number:
        other.start()
        while not _waits():
            time.sleep(0.01)
        assert Item.objects.get(key="quick").title == ""
        Item.objects.filter(key="slow").update(title="New")
    other.join()
    revisions = dict(Item.objects.values_list("key", "revision"))
    assert before.written < number <= revisions["slow"] < revisions["quick"]


def _waits() -> bool:
    """Return whether somebody waits for what this transaction holds."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_locks"
            " WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid))"
        )
        return bool(cursor.fetchone()[0])
