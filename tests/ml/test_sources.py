"""A site's own tables: how they are registered, and how their rows are read."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from personalization.ml import sources
from personalization.ml.sources import BadRow, InvalidSource, ItemSource, key_of_row, register
from personalization.registry import AlreadyRegistered, Registry
from project.shop.models import Article, Category, Product

pytestmark = [pytest.mark.django_db, pytest.mark.urls("project.urls")]


@pytest.fixture(autouse=True)
def item_sources(monkeypatch: pytest.MonkeyPatch) -> Registry[ItemSource]:
    """A registry with no tables in it."""
    registry: Registry[ItemSource] = Registry("source of items")
    monkeypatch.setattr(sources, "item_sources", registry)
    return registry


def socks(**fields: Any) -> Product:
    category, _ = Category.objects.get_or_create(slug="socks", defaults={"name": "Socks"})
    slug = fields.setdefault("slug", "wool")
    defaults = {"sku": slug, "name": "Wool sock", "price": "4.50", "description": "<b>Warm</b>"}
    return Product.objects.create(category=category, **{**defaults, **fields})


def test_a_row_is_read_by_the_names_of_its_fields() -> None:
    source = register(
        Product, key="slug", title="name", category="category.name", tags="sizes",
        text="description", price="price", attributes={"look": "palette"},
    )  # fmt: skip
    key, words = source.item(socks(sizes=["S", "M"], palette="moss"))
    assert key == "wool"
    assert words.title == "Wool sock"
    assert words.category == "Socks"
    assert words.tags == ("S", "M")
    assert words.text == "Warm"
    assert words.price == Decimal("4.50")
    assert words.url == Product(slug="wool").get_absolute_url()
    assert words.attributes == {"look": "moss"}


def test_a_row_is_read_by_functions() -> None:
    source = register(
        Product,
        key=lambda product: f"product-{product.slug}",
        title=lambda product: product.name.upper(),
        url=lambda product: f"/p/{product.slug}",
    )
    key, words = source.item(socks())
    assert (key, words.title, words.url) == ("product-wool", "WOOL SOCK", "/p/wool")


def test_a_row_needs_no_more_than_its_number_and_what_it_calls_itself() -> None:
    sock = socks()
    key, words = register(Product).item(sock)
    assert (key, words.title) == (str(sock.pk), "Wool sock")


def test_tags_may_be_rows_of_another_table() -> None:
    article = Article.objects.create(
        slug="waves", title="On waves", minutes=3, published_on="2026-01-01"
    )
    article.products.add(socks(), socks(slug="silk", name="Silk sock"))
    _, words = register(Article, key="slug", tags="products").item(article)
    assert set(words.tags) == {"Wool sock", "Silk sock"}


def test_the_way_to_a_relation_takes_no_query_per_row(django_assert_num_queries: Any) -> None:
    for slug in ("wool", "silk", "flax"):
        socks(slug=slug)
    source = register(Product, key="slug", title="name", category="category.name")
    with django_assert_num_queries(1):
        assert [source.item(row)[1].category for row in source.rows()] == ["Socks"] * 3


def test_only_the_rows_of_the_queryset_are_read() -> None:
    socks()
    socks(slug="silk", featured=True)
    source = register(Product, key="slug", queryset=lambda: Product.objects.filter(featured=True))
    assert [row.slug for row in source.rows()] == ["silk"]


@pytest.mark.parametrize("wrong", [{"key": "number"}, {"title": "nome"}, {"category": "kind.name"}])
def test_a_field_that_there_is_not_is_named(wrong: dict[str, str]) -> None:
    with pytest.raises(
        InvalidSource, match=next(iter(wrong.values())).partition(".")[0]
    ) as refused:
        register(Product, **wrong)  # type: ignore[arg-type]
    assert "allowed: " in str(refused.value)
    assert "slug" in str(refused.value)


def test_an_attribute_does_not_hide_a_word() -> None:
    with pytest.raises(InvalidSource, match="price"):
        register(Product, attributes={"price": "was_price"})


def test_a_kind_is_from_one_table(item_sources: Registry[ItemSource]) -> None:
    register(Product)
    with pytest.raises(AlreadyRegistered):
        register(Article, kind="product")
    register(Article)
    assert item_sources.names() == ("product", "article")


def test_a_kind_has_a_short_name() -> None:
    with pytest.raises(InvalidSource, match="too long"):
        register(Product, kind="x" * 51)


@pytest.mark.parametrize("key", ["", "a\nb", "x" * 201, None])
def test_a_row_without_a_key_says_what_is_wrong(key: Any) -> None:
    source = register(Product, key=lambda product: key)
    with pytest.raises(BadRow, match="allowed: a text in one line"):
        source.item(socks())


@pytest.mark.parametrize("url", ["javascript:alert(1)", "socks", "//evil.example/"])
def test_an_address_that_leads_to_no_page_says_what_is_wrong(url: str) -> None:
    source = register(Product, key="slug", url=lambda product: url)
    with pytest.raises(BadRow, match="url .*allowed: a path of this site"):
        source.item(socks())


def test_a_row_may_lack_everything_but_its_key() -> None:
    source = register(
        Product, key="slug", title="summary", price="was_price", image=lambda product: None,
        category=lambda product: None, tags=lambda product: None, url=lambda product: None,
    )  # fmt: skip
    assert source.item(socks())[1].said() == {}


@pytest.mark.urls("tests.urls")
def test_a_row_without_a_page_says_so() -> None:
    source = register(Product, key="slug")
    with pytest.raises(BadRow, match="The url of product .* cannot be read: NoReverseMatch"):
        source.item(socks())


@pytest.mark.parametrize(
    "wrong", [lambda row: 1 / 0, lambda row: row.nothing, lambda row: row.details["x"]]
)
def test_a_way_to_read_that_fails_is_told_with_its_row(wrong: Any) -> None:
    source = register(Product, key="slug", title=wrong)
    with pytest.raises(BadRow, match="The title of product .* cannot be read: .*Error: "):
        source.item(socks())


def test_an_object_of_the_site_is_the_item_that_its_table_makes_of_it() -> None:
    register(Product, key="slug", title=lambda product: 1 / 0)  # its key alone is read
    assert key_of_row(socks(slug="wool")) == "wool"
    assert key_of_row(Category(slug="socks")) == ""
    assert key_of_row(None) == ""


def test_an_object_whose_key_can_be_none_is_no_item() -> None:
    register(Product, key=lambda product: "two\nlines")
    assert key_of_row(socks()) == ""
