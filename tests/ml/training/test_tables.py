"""Items follow the tables of the site, and none is ever deleted."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from personalization.ml.models import Item
from personalization.ml.sources import ItemSource, item_sources, register
from personalization.ml.training import tables
from personalization.ml.training.tables import sync_source
from project.shop.models import Category, Product
from tests.ml.training.visitors import after

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def source(monkeypatch: pytest.MonkeyPatch) -> ItemSource:
    """The only table that is registered: products."""
    monkeypatch.setattr(item_sources, "_entries", {})
    return register(
        Product, key="slug", title="name", category="category.name", price="price",
        url=lambda product: f"/product/{product.slug}/",
    )  # fmt: skip


@pytest.fixture
def sock() -> Product:
    return product("wool")


def product(slug: str, **fields: Any) -> Product:
    category, _ = Category.objects.get_or_create(slug="socks", defaults={"name": "Socks"})
    given = {"sku": slug, "name": slug.title(), "price": Decimal("4.50"), **fields}
    return Product.objects.create(category=category, slug=slug, **given)


def test_a_row_becomes_an_item(sock: Product, source: ItemSource) -> None:
    assert sync_source(source, now=after(0)).created == 1
    item = Item.objects.get()
    assert (item.key, item.kind, item.title) == ("wool", "product", "Wool")
    assert (item.url, item.category, item.price) == ("/product/wool/", "Socks", Decimal("4.50"))
    assert item.is_active
    assert item.first_seen == item.updated_at == after(0)


def test_only_what_has_changed_is_written(sock: Product, source: ItemSource) -> None:
    product("silk")
    sync_source(source, now=after(0))
    assert sync_source(source, now=after(1)).total == 0
    sock.price = Decimal("3.99")
    sock.save()
    synced = sync_source(source, now=after(2))
    assert (synced.created, synced.changed, synced.gone) == (0, 1, 0)
    assert Item.objects.get(key="wool").price == Decimal("3.99")
    assert Item.objects.get(key="wool").updated_at == after(2)
    assert Item.objects.get(key="silk").updated_at == after(0)


def test_what_is_emptied_in_the_table_is_emptied(sock: Product, source: ItemSource) -> None:
    sync_source(source, now=after(0))
    Category.objects.update(name="")
    sync_source(source, now=after(1))
    assert Item.objects.get().category == ""


def test_what_is_gone_is_put_out_of_use_until_it_comes_back(
    sock: Product, source: ItemSource
) -> None:
    sync_source(source, now=after(0))
    sock.delete()
    assert sync_source(source, now=after(1)).gone == 1
    assert not Item.objects.get().is_active
    assert sync_source(source, now=after(2)).total == 0
    product("wool")
    assert sync_source(source, now=after(3)).changed == 1
    assert Item.objects.get().is_active
    assert Item.objects.get().attributes == {}


def test_what_an_operator_put_out_of_use_stays_so(sock: Product, source: ItemSource) -> None:
    sync_source(source, now=after(0))
    Item.objects.update(is_active=False)
    Product.objects.update(name="Other")
    sync_source(source, now=after(1))
    assert Item.objects.get().title == "Other"
    assert not Item.objects.get().is_active


def test_items_of_other_kinds_are_left_alone(sock: Product, source: ItemSource) -> None:
    Item.objects.create(key="waves", kind="article")
    assert sync_source(source, now=after(0)).gone == 0
    assert Item.objects.get(key="waves").is_active


def test_an_item_that_events_had_made_becomes_that_of_the_table(
    sock: Product, source: ItemSource
) -> None:
    Item.objects.create(key="wool", kind="product", title="Hacked", url="/evil/")
    assert sync_source(source, now=after(0)).changed == 1
    assert Item.objects.get().title == "Wool"
    assert Item.objects.get().url == "/product/wool/"


def test_a_key_of_another_table_is_refused_with_what_to_do(
    sock: Product, source: ItemSource
) -> None:
    other = register(Category, kind="category", key=lambda row: "wool", title="name", url="slug")
    sync_source(source, now=after(0))
    Category.objects.update(slug="/socks/")
    synced = sync_source(other, now=after(1))
    assert (synced.refused, synced.total) == (1, 0)
    assert "“wool” has the key of a product" in synced.problems[0]
    assert Item.objects.get().kind == "product"


def test_of_two_rows_with_one_key_the_first_counts(
    sock: Product, source: ItemSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    product("silk")
    monkeypatch.setattr(item_sources, "_entries", {})
    alike = register(
        Product, key=lambda row: "same", title="name", url=lambda row: "/", kind="alike"
    )
    synced = sync_source(alike, now=after(0))
    assert (synced.created, synced.refused) == (1, 1)
    assert "has the key “same” of another one" in synced.problems[0]
    assert Item.objects.get().title == "Wool"


def test_a_row_that_is_no_item_does_not_hold_up_the_others(
    source: ItemSource, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(tables, "MOST_PROBLEMS", 2)
    for number in range(5):
        product(f"sock-{number}")
    monkeypatch.setattr(item_sources, "_entries", {})
    odd = register(
        Product, key="slug", title="name",
        url=lambda row: "/fine/" if row.slug == "sock-3" else "javascript:alert(1)",
    )  # fmt: skip
    synced = sync_source(odd, now=after(0))
    assert (synced.created, synced.refused, len(synced.problems)) == (1, 4, 2)
    assert "javascript:alert(1)" in synced.problems[0]
    assert "4 rows of product are no items" in caplog.text


def test_a_table_of_many_rows_is_read_in_chunks(
    source: ItemSource, django_assert_num_queries: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "CHUNK", 4)
    for number in range(8):
        product(f"sock-{number}")
    assert sync_source(source, now=after(0)).created == 8
    # The rows, the items of each chunk, and whatever is active.
    with django_assert_num_queries(1 + 2 + 1):
        assert sync_source(source, now=after(1)).total == 0
    Product.objects.all().delete()
    assert sync_source(source, now=after(2)).gone == 8
    assert not Item.objects.filter(is_active=True).exists()
