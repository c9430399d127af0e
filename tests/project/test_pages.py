"""Every page answers, and looking around leaves no trace in the browser."""

from __future__ import annotations

import json
from html.parser import HTMLParser

import pytest
from django.test import Client

from project.shop.models import Article, Category, Product
from tests.conftest import BROWSER

pytestmark = [pytest.mark.usefixtures("shop"), pytest.mark.urls("project.urls")]

PAGES = [
    "/", "/category/shoes/", "/category/shoes/?sort=-price", "/category/shoes/?sort=nonsense",
    "/product/ridgeway-boot/", "/product/tin-mug/", "/search/", "/search/?q=wool",
    "/search/?q=nothing%20like%20it", "/search/?q=%00", "/cart/", "/journal/",
    "/journal/reading-the-weather/",
]  # fmt: skip


class Elements(HTMLParser):
    """The attributes of every element of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def having(self, name: str) -> list[dict[str, str | None]]:
        return [attributes for _, attributes in self.found if name in attributes]


def elements(client: Client, path: str) -> Elements:
    response = client.get(path)
    assert response.status_code == 200
    return Elements(response.text)


# The shop is filled for each test, which takes longer than a page: they are asked for together.


def test_a_page_answers_and_opens_no_session() -> None:
    for path in PAGES:
        response = Client(headers={"user-agent": BROWSER}).get(path)
        assert response.status_code == 200, path
        assert "sessionid" not in response.cookies, path
        assert "pz_id" not in response.cookies, path


def test_a_page_without_a_form_sets_no_cookie() -> None:
    for path in PAGES:
        if not path.startswith("/product/"):
            assert not Client(headers={"user-agent": BROWSER}).get(path).cookies, path


def test_every_product_article_and_category_has_a_page(client: Client) -> None:
    for model in (Product, Article, Category):
        for thing in model.objects.all():
            assert client.get(thing.get_absolute_url()).status_code == 200, thing


def test_what_is_not_there_is_not_found(client: Client) -> None:
    for path in ("/category/x/", "/product/x/", "/journal/x/", "/thank-you/x/"):
        response = client.get(path)
        assert response.status_code == 404, path
        assert "This path ends here" in response.text, path


def test_nothing_is_inline_and_nothing_comes_from_elsewhere(client: Client) -> None:
    for path in PAGES:
        for tag, attributes in elements(client, path).found:
            assert "style" not in attributes, path
            assert not [name for name in attributes if name.startswith("on")], path
            assert tag != "style", path
            if tag == "script":
                assert attributes["src"], path
            for name in ("src", "href", "action"):
                assert not (attributes.get(name) or "").startswith(("http", "//")), path


def test_a_page_says_what_was_viewed(client: Client) -> None:
    for path, event in {
        "/product/ridgeway-boot/": "Product Viewed",
        "/category/shoes/": "Product List Viewed",
        "/search/?q=wool": "Products Searched",
        "/journal/reading-the-weather/": "Article Viewed",
    }.items():
        (viewed,) = elements(client, path).having("data-personalization-view")
        assert viewed["data-personalization-view"] == event
        assert json.loads(viewed["data-personalization-properties"] or ""), path


def test_an_empty_search_reports_nothing(client: Client) -> None:
    assert elements(client, "/search/").having("data-personalization-view") == []


def test_a_search_needs_all_of_its_words(client: Client) -> None:
    assert "Ridgeway Boot" in client.get("/search/?q=leather+walking+boot").text
    assert "Ridgeway Boot" not in client.get("/search/?q=leather+submarine").text


def test_the_add_form_carries_the_event_of_its_product(client: Client) -> None:
    forms = elements(client, "/product/tarn-approach-shoe/").having("data-personalization-event")
    (form,) = forms
    assert form["data-personalization-event"] == "Product Added"
    assert json.loads(form["data-personalization-properties"] or "") == {
        "product_id": "tarn-approach-shoe",
        "sku": "LF-1003",
        "name": "Tarn Approach Shoe",
        "category": "shoes",
        "price": 135.0,
        "discount": 20,
        "quantity": 1,
        "currency": "EUR",
    }


def test_every_page_offers_the_privacy_choices(client: Client) -> None:
    (link,) = elements(client, "/").having("data-personalization-consent")
    assert link["href"] == "/p/consent"


def test_the_home_page_is_sorted_into_headings(client: Client) -> None:
    page = elements(client, "/")
    assert [tag for tag, _ in page.found if tag == "h1"] == ["h1"]


def test_the_admin_knows_the_shop(admin_client: Client) -> None:
    for name in ("category", "product", "article", "order"):
        assert admin_client.get(f"/admin/shop/{name}/").status_code == 200
        assert admin_client.get(f"/admin/shop/{name}/add/").status_code == 200
