"""From the product page to the thank-you page."""

from __future__ import annotations

import json
import re

import pytest
from django.http import HttpResponse
from django.test import Client

from project.shop.models import Order

pytestmark = [pytest.mark.usefixtures("shop"), pytest.mark.urls("project.urls")]

ADDRESS = {"name": "Ada", "email": "ada@example.org", "address": "1 Mill Lane, Oban"}


def add(client: Client, product: str = "ridgeway-boot", size: str = "42") -> HttpResponse:
    return client.post("/cart/add/", {"product": product, "size": size})  # type: ignore[return-value]


def line_key(client: Client) -> str:
    found = re.search(r'name="line" value="([^"]+)"', client.get("/cart/").text)
    assert found
    return found[1]


def test_an_added_product_is_in_the_cart(client: Client) -> None:
    response = add(client)
    assert response.status_code == 302
    assert response["Location"].startswith("/cart/#line-")
    assert client.cookies["cart_count"].value == "1"
    page = client.get("/cart/").text
    assert "Ridgeway Boot" in page
    assert "Size 42" in page
    assert "€189" in page


def test_adding_needs_a_token() -> None:
    assert add(Client(enforce_csrf_checks=True)).status_code == 403


@pytest.mark.parametrize(
    ("product", "size"),
    [("ridgeway-boot", "99"), ("ridgeway-boot", ""), ("tin-mug", "42"), ("nothing", "")],
)
def test_what_is_not_sold_cannot_be_added(client: Client, product: str, size: str) -> None:
    assert add(client, product, size).status_code == 404
    assert "sessionid" not in client.cookies


def test_quantities_add_up_to_a_limit(client: Client) -> None:
    for _ in range(25):
        add(client, "tin-mug", "")
    assert client.cookies["cart_count"].value == "20"
    assert "€280" in client.get("/cart/").text


def test_delivery_is_free_from_sixty(client: Client) -> None:
    add(client, "tin-mug", "")
    assert "€4.90" in client.get("/cart/").text
    add(client, "market-tote", "")
    assert "Delivery is free." in client.get("/cart/").text


def test_pieces_and_lines_are_taken_away(client: Client) -> None:
    for _ in range(3):
        add(client)
    key = line_key(client)
    client.post("/cart/remove/", {"line": key})
    assert client.cookies["cart_count"].value == "2"
    client.post("/cart/remove/", {"line": key, "all": "1"})
    assert "It is empty so far" in client.get("/cart/").text
    assert client.cookies["cart_count"].value == ""


@pytest.mark.parametrize("line", ["", "1:42", "x", "9:9:9"])
def test_removing_what_is_not_there_changes_nothing(client: Client, line: str) -> None:
    response = client.post("/cart/remove/", {"line": line})
    assert response.status_code == 302
    assert "sessionid" not in client.cookies


@pytest.mark.parametrize("cookie", ["", "garbage", "a" * 32])
def test_a_garbage_session_has_an_empty_cart(client: Client, cookie: str) -> None:
    client.cookies["sessionid"] = cookie
    assert "It is empty so far" in client.get("/cart/").text


def test_a_cart_page_reports_the_cart(client: Client) -> None:
    add(client)
    page = client.get("/cart/").text
    assert 'data-personalization-view="Cart Viewed"' in page
    assert 'data-personalization-event="Product Removed"' in page


def test_there_is_no_checkout_without_a_cart(client: Client) -> None:
    response = client.get("/checkout/")
    assert response.status_code == 302
    assert response["Location"] == "/cart/"


def test_a_checkout_asks_for_what_is_missing(client: Client) -> None:
    add(client)
    assert 'data-personalization-view="Checkout Started"' in client.get("/checkout/").text
    response = client.post("/checkout/", ADDRESS | {"email": "nonsense"})
    assert response.status_code == 200
    assert "Enter a valid email address" in response.text
    assert not Order.objects.exists()


def test_an_order_is_reported_once(client: Client) -> None:
    add(client)
    response = client.post("/checkout/", ADDRESS)
    order = Order.objects.get()
    assert response["Location"] == f"/thank-you/{order.number}/"
    page = client.get(response["Location"]).text
    assert "Thank you, Ada" in page
    (found,) = re.findall(r'view="Order Completed" data-personalization-properties="([^"]+)"', page)
    properties = json.loads(found.replace("&quot;", '"'))
    assert properties["order_id"] == order.number
    assert properties["total"] == 189.0
    assert [product["sku"] for product in properties["products"]] == ["LF-1001"]
    assert "Order Completed" not in client.get(response["Location"]).text


def test_an_order_empties_the_cart(client: Client) -> None:
    add(client)
    client.post("/checkout/", ADDRESS)
    assert client.cookies["cart_count"].value == ""
    assert "It is empty so far" in client.get("/cart/").text


def test_an_order_is_shown_to_nobody_else(client: Client) -> None:
    add(client)
    location = client.post("/checkout/", ADDRESS)["Location"]
    stranger = Client()
    assert stranger.get(location).status_code == 404
    add(stranger)
    assert stranger.get(location).status_code == 404


def test_the_cart_is_kept_by_no_cache(client: Client) -> None:
    add(client)
    assert "no-store" in client.get("/cart/")["Cache-Control"]
