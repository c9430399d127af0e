"""What an operator or the site writes of an item while a run is at work on it stays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import pytest

from personalization.ml.item_events import ItemEvents
from personalization.ml.models import Item
from personalization.ml.sources import ItemSource, item_sources, register
from personalization.ml.training import items, tables
from personalization.ml.training.item_rows import GONE, TOLD_BY_SERVER, save
from personalization.ml.training.items import feed_items
from personalization.ml.training.tables import sync_source
from project.shop.models import Category, Product
from tests.ml.training.visitors import Does, MakeProfile, after

pytestmark = pytest.mark.django_db

Meanwhile = Callable[..., None]


@pytest.fixture(autouse=True)
def _no_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(item_sources, "_entries", {})


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Meanwhile:
    """Have somebody write columns of all items between the reading of a run and its writing."""

    def write(module: Any, **values: Any) -> None:
        def later(changed: Sequence[Item], **more: Any) -> None:
            Item.objects.update(**values)
            save(changed, **more)

        monkeypatch.setattr(module, "save", later)

    return write


@pytest.fixture
def source() -> ItemSource:
    return register(Product, key="slug", title="name", price="price", url=lambda _product: "/")


@pytest.fixture
def product() -> Product:
    category = Category.objects.create(slug="socks", name="Socks")
    return Product.objects.create(
        category=category, slug="sock", sku="sock", name="Sock", price=Decimal("4.50")
    )


def test_events_put_nothing_to_use(visitor: MakeProfile, does: Does, meanwhile: Meanwhile) -> None:
    Item.objects.create(key="sock", kind="product", updated_at=after(-9), first_seen=after(-9))
    meanwhile(items, is_active=False, category="Theirs", url="/theirs/", text="Theirs")
    does(visitor(), "Product Viewed", 0, product_id="sock", name="Wool sock", price=4.5)
    assert feed_items(since=None, until=after(600), events=ItemEvents()) == 1
    found = Item.objects.get()
    assert (found.title, found.price) == ("Wool sock", Decimal("4.50"))
    assert (found.is_active, found.category, found.text) == (False, "Theirs", "Theirs")
    assert (found.url, found.first_seen, found.updated_at) == ("/theirs/", after(-9), after(0))
    assert found.attributes == {TOLD_BY_SERVER: True}


def test_events_put_nothing_out_of_use(
    visitor: MakeProfile, does: Does, meanwhile: Meanwhile
) -> None:
    Item.objects.create(key="sock", kind="product", is_active=False)
    meanwhile(items, is_active=True)
    does(visitor(), "Product Viewed", 0, product_id="sock", name="Wool sock")
    feed_items(since=None, until=after(600), events=ItemEvents())
    assert Item.objects.get().title == "Wool sock"
    assert Item.objects.get().is_active


def test_a_table_puts_nothing_to_use_that_it_always_had(
    product: Product, source: ItemSource, meanwhile: Meanwhile
) -> None:
    sync_source(source, now=after(0))
    meanwhile(tables, is_active=False)
    Product.objects.update(name="Other")
    assert sync_source(source, now=after(1)).changed == 1
    assert (Item.objects.get().title, Item.objects.get().is_active) == ("Other", False)


def test_what_is_gone_from_a_table_goes_out_of_use_and_stays_as_it_is(
    product: Product, source: ItemSource, meanwhile: Meanwhile
) -> None:
    sync_source(source, now=after(0))
    meanwhile(tables, title="Theirs")
    product.delete()
    assert sync_source(source, now=after(1)).gone == 1
    found = Item.objects.get()
    assert (found.title, found.is_active, found.attributes) == ("Theirs", False, {GONE: True})
    assert found.updated_at == after(1)
