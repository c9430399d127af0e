"""Items as rows: hundreds at a time, and each as it was said to be."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from personalization.ml.item_revisions import items_revision
from personalization.ml.item_words import Words
from personalization.ml.models import Item
from personalization.ml.training.item_rows import (
    GONE,
    TOLD_BY_SERVER,
    as_read,
    attributes_of,
    change,
    create,
    items_by_key,
    known_of,
    new_item,
    save,
)

pytestmark = pytest.mark.django_db
NOW = timezone.now()
ODD = "Größe “M” \\ 'x'; DROP TABLE {} %s — 帽子 🎩"
ALL = Words(
    title=ODD, url="/hat?a=1&b=2", image="/hat.png", category=ODD, tags=(ODD, "felt"), text=ODD,
    price=Decimal("19.90"), attributes={"brand": ODD},
)  # fmt: skip


def made(*keys: str, words: Words = ALL) -> list[Item]:
    return [new_item(key, kind="product", words=words, first=NOW, newest=NOW) for key in keys]


def stored(key: str) -> Item:
    return Item.objects.get(key=key)


def test_what_was_said_comes_back_as_it_was(django_assert_num_queries: Any) -> None:
    create(made("first of all"))
    with django_assert_num_queries(5):  # one for all rows, two for their number, and a savepoint
        assert create(made("hat", "cap")) == 2
    found = stored("hat")
    assert known_of(found) == {**ALL.said(), "tags": ALL.tags, "attributes": {"brand": ODD}}
    assert (found.kind, found.is_active, found.first_seen) == ("product", True, NOW)


def test_what_nobody_said_is_empty() -> None:
    create(made("hat", words=Words()))
    found = stored("hat")
    assert (found.title, found.tags, found.attributes, found.price) == ("", [], {}, None)


def test_what_somebody_else_has_just_made_stays_theirs() -> None:
    Item.objects.create(key="hat", title="Theirs")
    assert create(made("hat", "cap")) == 1
    assert stored("hat").title == "Theirs"


def test_nothing_is_written_of_nothing(django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        assert not create([])
        save([], before={})


def test_a_change_is_what_is_said_and_nothing_else() -> None:
    create(made("hat"))
    item = stored("hat")
    before = as_read([item])
    change(item, Words(title="New", price=Decimal("0.01")).said())
    save([item], before=before)
    found = stored("hat")
    assert (found.title, found.price) == ("New", Decimal("0.01"))
    assert (found.text, found.tags, found.attributes) == (ODD, [ODD, "felt"], {"brand": ODD})


def test_attributes_of_our_own_are_told_to_nobody_and_outlive_a_change() -> None:
    Item.objects.create(key="hat", attributes={"brand": "A", TOLD_BY_SERVER: True, GONE: True})
    item = stored("hat")
    before = as_read([item])
    assert attributes_of(item) == {"brand": "A"}
    change(item, {"attributes": {"brand": "B"}})
    save([item], before=before)
    assert stored("hat").attributes == {"brand": "B", TOLD_BY_SERVER: True, GONE: True}


def test_many_are_changed_at_once_and_others_not_at_all() -> None:
    keys = [f"item-{n}" for n in range(60)]
    create(made(*keys, "other"))
    items = items_by_key(keys)
    before = as_read(items.values())
    assert set(items) == set(keys)
    for key, item in items.items():
        item.title, item.is_active = f"The {key}", False
        item.updated_at = NOW + timedelta(days=1)
    save([*items.values()], before=before)
    assert {key: each.title for key, each in items_by_key(keys).items()} == {
        key: f"The {key}" for key in keys
    }
    assert not Item.objects.exclude(key="other").filter(is_active=True).exists()
    assert (stored("other").title, stored("other").is_active) == (ODD, True)


def test_what_others_wrote_meanwhile_stays(django_assert_num_queries: Any) -> None:
    """Of each item only what is another than it was read; those of the same columns go together."""
    create(made("hat", "cap", "fez", "bowler"))
    items = items_by_key(["hat", "cap", "fez", "bowler"])
    before = as_read(items.values())
    Item.objects.update(is_active=False, category="Theirs")
    Item.objects.filter(key="fez").update(title="Theirs")
    for key in ("hat", "cap"):
        items[key].title = "New"
    items["fez"].price = Decimal("0.01")
    items["bowler"].category = "New"
    with django_assert_num_queries(3 + 2 + 2):  # one for each set of columns
        save([*items.values()], before=before)
    assert {
        key: (item.title, item.category, item.is_active)
        for key, item in items_by_key(items).items()
    } == {
        "hat": ("New", "Theirs", False),
        "cap": ("New", "Theirs", False),
        "fez": ("Theirs", "Theirs", False),
        "bowler": (ODD, "New", False),
    }
    assert stored("fez").price == Decimal("0.01")
    assert set(Item.objects.values_list("revision", flat=True)) == {items_revision().written}


@pytest.mark.parametrize("keys", [(), ("nowhere",), ("nowhere", "hat")])
def test_only_what_is_there_is_found(
    keys: Sequence[str], django_assert_max_num_queries: Any
) -> None:
    create(made("hat"))
    with django_assert_max_num_queries(1):
        assert set(items_by_key(keys)) == {"hat"} & set(keys)
