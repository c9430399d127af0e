"""Whoever writes an item, and whatever they say of when: lists follow.

All items here were spoken of last at one instant, and as many are active after a swap as before.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from personalization.ml.item_events import ItemEvents
from personalization.ml.item_words import Words
from personalization.ml.models import Item
from personalization.ml.serving.shelf import FRESH, ShelfItem, shelf
from personalization.ml.sources import item_sources, register
from personalization.ml.training.item_rows import (
    as_read,
    create,
    items_by_key,
    new_item,
    save,
    touch,
)
from personalization.ml.training.items import feed_items, sync_items
from project.shop.models import Category, Product
from tests.ml.training.visitors import Does, MakeProfile, after, doing, visitors

pytestmark = pytest.mark.django_db

SAID = after(0)
LIST = reverse("admin:personalization_item_changelist")


@pytest.fixture(autouse=True)
def _swappable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(item_sources, "_entries", {})
    make("a", "A")
    make("b", "B", is_active=False)
    make("newer", "Newer")
    assert set(shown()) == {"a", "newer"}


@pytest.fixture
def owner() -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("owner"))
    return client


def make(key: str, title: str, **fields: Any) -> Item:
    return Item.objects.create(key=key, title=title, first_seen=SAID, updated_at=SAID, **fields)


_looks = 0


def shown() -> dict[str, ShelfItem]:
    """Look at the shelf some time after the last look."""
    global _looks
    _looks += 1
    return dict(shelf(now=after(0) + _looks * FRESH).items)


def act(owner: Client, action: str, key: str) -> None:
    chosen = {"_selected_action": [Item.objects.get(key=key).pk]}
    assert owner.post(LIST, {"action": action, **chosen}).status_code == 302


def edit(owner: Client, key: str, **said: Any) -> None:
    address = reverse("admin:personalization_item_change", args=(Item.objects.get(key=key).pk,))
    assert owner.post(address, said).status_code == 302


# -- one goes and another comes ------------------------------------------------------------


def by_actions(owner: Client) -> None:
    act(owner, "put_out_of_use", "a")
    act(owner, "put_to_use", "b")


def by_form(owner: Client) -> None:
    edit(owner, "a")
    edit(owner, "b", is_active="on")


def by_update(owner: Client) -> None:
    Item.objects.filter(key="a").update(is_active=False)
    Item.objects.filter(key="b").update(is_active=True)


def by_bulk_update(owner: Client) -> None:
    items = list(Item.objects.filter(key__in="ab"))
    for item in items:
        item.is_active = not item.is_active
    Item.objects.bulk_update(items, ["is_active"])


def by_save(owner: Client) -> None:
    for item in Item.objects.filter(key__in="ab"):
        item.is_active = not item.is_active
        item.save()


def by_save_of_one_field(owner: Client) -> None:
    for item in Item.objects.filter(key__in="ab"):
        item.is_active = not item.is_active
        item.save(update_fields=["is_active"])


def by_rows(owner: Client) -> None:
    items = list(items_by_key("ab").values())
    before = as_read(items)
    for item in items:
        item.is_active = not item.is_active
    save(items, before=before)


def by_creating_over_it(owner: Client) -> None:
    fresh = [Item(key="a", title="A", is_active=False), Item(key="b", title="B")]
    Item.objects.bulk_create(
        fresh, update_conflicts=True, unique_fields=["key"], update_fields=["is_active"]
    )


def by_update_or_create(owner: Client) -> None:
    Item.objects.update_or_create(key="a", defaults={"is_active": False})
    Item.objects.update_or_create(key="b", defaults={"is_active": True})


def by_deletion_of_one(owner: Client) -> None:
    Item.objects.get(key="a").delete()
    Item.objects.filter(key="b").update(is_active=True)


def by_deletion_of_many(owner: Client) -> None:
    Item.objects.filter(key="a").delete()
    Item.objects.filter(key="b").update(is_active=True)


SWAPS = [
    by_actions, by_form, by_update, by_bulk_update, by_save, by_save_of_one_field, by_rows,
    by_creating_over_it, by_update_or_create, by_deletion_of_one, by_deletion_of_many,
]  # fmt: skip


@pytest.mark.parametrize("swap", SWAPS, ids=lambda swap: swap.__name__)
def test_what_is_withdrawn_is_gone_although_another_one_came_back(
    owner: Client, swap: Callable[[Client], None]
) -> None:
    swap(owner)
    assert set(shown()) == {"b", "newer"}


def test_what_is_deleted_is_gone_although_another_one_was_made(owner: Client) -> None:
    Item.objects.filter(key="a").delete()
    Item.objects.bulk_create([Item(key="c", title="C", first_seen=SAID, updated_at=SAID)])
    assert set(shown()) == {"c", "newer"}


# -- the site's own tables, and events -------------------------------------------------------


@pytest.fixture
def does(make_event: Callable[..., object]) -> Does:
    return doing(make_event)


@pytest.fixture
def visitor(make_profile: MakeProfile) -> MakeProfile:
    return visitors(make_profile)


def test_what_a_table_says_is_seen_although_the_clock_of_the_worker_is_behind() -> None:
    socks = Category.objects.create(slug="socks", name="Socks")
    for name in ("wool", "silk"):
        Product.objects.create(sku=name, slug=name, name=name, price=Decimal(4), category=socks)
    register(Product, key="slug", title="name", url=lambda product: f"/{product.slug}/")
    sync_items(now=after(-60))
    assert {"wool", "silk"} <= set(shown())
    Product.objects.filter(slug="wool").delete()
    Product.objects.filter(slug="silk").update(name="Silk of worms")
    sync_items(now=after(-59))
    found = shown()
    assert "wool" not in found
    assert found["silk"].title == "Silk of worms"


def test_what_events_say_is_seen_although_they_happened_before_what_is_known(
    visitor: MakeProfile, does: Does
) -> None:
    Item.objects.filter(key="a").update(title="", updated_at=after(-20))
    assert shown()["a"].title == ""
    does(visitor(), "Product Viewed", -5, product_id="a", name="Told late")
    does(visitor(), "Product Viewed", -50, product_id="old", name="Told later")
    feed_items(since=None, until=after(1), events=ItemEvents())
    found = shown()
    assert (found["a"].title, found["old"].title) == ("Told late", "Told later")
    assert found["a"].first_seen == after(-5)


def test_what_is_only_spoken_of_again_is_not_read_again(visitor: MakeProfile, does: Does) -> None:
    does(visitor(), "Product Viewed", 1, product_id="a", name="A")
    feed_items(since=None, until=after(2), events=ItemEvents())
    shown()
    before = shelf(now=after(0) + _looks * FRESH)
    does(visitor(), "Product Viewed", 30, product_id="a", name="A")
    feed_items(since=None, until=after(40), events=ItemEvents())
    assert Item.objects.get(key="a").updated_at == after(30)
    shown()
    assert shelf(now=after(0) + _looks * FRESH) is before


def test_new_rows_are_seen_and_what_is_there_stays() -> None:
    words = Words(title="Of a table")
    made = [new_item(key, kind="", words=words, first=SAID, newest=SAID) for key in ("a", "c")]
    assert create(made) == 1
    found = shown()
    assert (found["a"].title, found["c"].title) == ("A", "Of a table")


def test_a_touched_item_keeps_everything_but_the_instant() -> None:
    item = Item.objects.get(key="a")
    item.title, item.updated_at = "Not written", SAID + timedelta(days=1)
    touch([item])
    stored = Item.objects.get(key="a")
    assert (stored.title, stored.updated_at, stored.revision) == (
        "A", SAID + timedelta(days=1), item.revision,
    )  # fmt: skip
