"""The shop's products and articles are items of the demo."""

from __future__ import annotations

import pytest

from personalization.ml.models import Item
from project.shop.models import Article, Product
from project.shop.seed import seed

pytestmark = [pytest.mark.django_db, pytest.mark.urls("project.urls")]


def test_everything_on_the_shelves_and_in_the_journal_can_be_recommended() -> None:
    seed()
    assert set(Item.objects.filter(kind="product").values_list("key", flat=True)) == set(
        Product.objects.values_list("slug", flat=True)
    )
    assert set(Item.objects.filter(kind="article").values_list("key", flat=True)) == set(
        Article.objects.values_list("slug", flat=True)
    )
    product = Product.objects.select_related("category").first()
    assert product is not None
    item = Item.objects.get(key=product.slug)
    assert item.title == product.name
    assert item.url == product.get_absolute_url()
    assert item.category == product.category.slug
    assert item.price == product.price


def test_what_is_sold_no_more_is_not_recommended() -> None:
    seed()
    Item.objects.create(key="sold-out", kind="product")
    seed()
    assert not Item.objects.get(key="sold-out").is_active
