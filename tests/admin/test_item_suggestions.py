"""What is suggested to whoever writes a rule for recommendations: what items have, and places."""

from __future__ import annotations

import html
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st

from personalization.admin import item_suggestions
from personalization.admin.item_suggestions import price_ranges, suggested
from personalization.delivery.models import Slot
from personalization.delivery.recommendation_rules import RecommendationRule
from personalization.ml.serving.rerank import price_range
from personalization.ml.serving.shelf import Shelf, ShelfItem
from tests.delivery.recommending import make_items
from tests.effort import examples

pytestmark = pytest.mark.django_db
ADD = reverse("admin:personalization_recommendationrule_add")
PRICES = st.lists(st.decimals("0.01", "9999", places=2), min_size=4, max_size=40)


def shelf_of(*items: ShelfItem) -> Shelf:
    return Shelf(items={item.key: item for item in items})


def priced(*prices: Any) -> Shelf:
    return shelf_of(
        *(ShelfItem(key=f"i{n}", price=Decimal(str(price))) for n, price in enumerate(prices))
    )


# -- values --------------------------------------------------------------------------------


def test_what_most_items_have_comes_first() -> None:
    found = suggested(
        shelf_of(
            ShelfItem(key="a", kind="product", category="hats", tags=("warm",)),
            ShelfItem(key="b", kind="product", category="shoes", tags=("warm", "new")),
            ShelfItem(key="c", kind="article", category="shoes"),
        )
    )
    assert found["kind"] == [("product", "2"), ("article", "1")]
    assert found["category"] == [("shoes", "2"), ("hats", "1")]
    assert found["tag"] == [("warm", "2"), ("new", "1")]


def test_items_are_suggested_by_key_with_their_titles_the_newest_first() -> None:
    found = suggested(shelf_of(ShelfItem(key="a", title="Hat"), ShelfItem(key="b")))
    assert found["item"] == [("b", "b"), ("a", "Hat")]


def test_what_an_item_does_not_have_is_no_suggestion() -> None:
    found = suggested(shelf_of(ShelfItem(key="a")))
    assert {target: found[target] for target in ("kind", "category", "tag", "price")} == {
        "kind": [], "category": [], "tag": [], "price": [],
    }  # fmt: skip


def test_of_very_many_a_few_are_offered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(item_suggestions, "OFFERED", 2)
    found = suggested(shelf_of(*(ShelfItem(key=f"i{n}", category=f"c{n}") for n in range(5))))
    assert len(found["item"]) == len(found["category"]) == 2


def test_prices_are_cut_into_ranges_of_about_as_many_items() -> None:
    assert price_ranges(priced(5, 10, 15, 20, 25, 30, 35, 40)) == ["–15", "15–25", "25–35", "35–"]


@pytest.mark.parametrize("prices", [(), (5,), (5, 5, 5, 5, 5), (5, 6, 7)])
def test_of_few_prices_no_ranges_are_made(prices: tuple[int, ...]) -> None:
    assert price_ranges(priced(*prices)) == []


@examples(100)
@given(prices=PRICES)
def test_every_price_is_in_a_range_and_every_range_can_be_read(prices: list[Decimal]) -> None:
    ranges = [price_range(each) for each in price_ranges(priced(*prices))]
    if len(set(prices)) < 4:
        assert ranges == []
        return
    for price in prices:
        assert any(low <= price <= high for low, high in ranges)


# -- form ----------------------------------------------------------------------------------


def page_of(client: Client, address: str = ADD) -> str:
    response = client.get(address)
    assert response.status_code == 200
    return response.content.decode()


def test_the_form_has_a_list_for_each_target(owner: Client) -> None:
    make_items("hat", category="clothes", kind="product", tags=["warm"])
    text = page_of(owner)
    for target in RecommendationRule.Target.values:
        assert f'<datalist id="pz-values-{target}">' in text
    assert '<option value="clothes" label="clothes (1)">' in text
    assert '<option value="hat" label="hat (The hat)">' in text


def test_what_items_are_called_is_text(owner: Client) -> None:
    make_items('"><script>', category="<b>odd</b>")
    text = page_of(owner)
    assert "<script>" not in text.replace("<script src", "")
    assert "<b>odd" not in text


def test_places_are_suggested(owner: Client) -> None:
    Slot.objects.create(slug="hero", name="Hero")
    text = page_of(owner)
    assert 'list="pz-known-places"' in text
    assert '<option value="hero">' in text


def test_who_may_only_look_sees_no_suggestions(owner: Client, sign_in: Any) -> None:
    rule = RecommendationRule.objects.create(name="Ours", action="pin", target="item", value="hat")
    address = reverse("admin:personalization_recommendationrule_change", args=[rule.pk])
    assert "datalist" not in page_of(sign_in("view_recommendationrule"), address)


def test_prices_read_right(owner: Client) -> None:
    text = html.unescape(page_of(owner))
    assert "items with a price in the range" in text
    assert "10–50, 50– for 50 and more, –20 for 20 and less, 15 for that alone" in text


@pytest.mark.parametrize("value", ["10–50", "50–", "–20", "15"])
def test_what_the_help_names_can_be_read(value: str) -> None:
    low, high = price_range(value)
    assert low <= high


# -- places that nobody uses -----------------------------------------------------------------


def save(client: Client, place: str) -> str:
    said = {
        "name": "Ours", "action": "exclude", "target": "item", "value": "hat", "factor": "2",
        "position": "1", "place": place,
    }  # fmt: skip
    return html.unescape(client.post(ADD, said, follow=True).content.decode())


def test_a_place_that_nothing_uses_is_saved_and_said(owner: Client) -> None:
    make_items("hat")
    Slot.objects.create(slug="hero", name="Hero")
    text = save(owner, "hmoe")
    assert "No template and no slot uses the place “hmoe”" in text
    assert "hero" in text.split("Known are:")[1].split(".")[0]
    assert RecommendationRule.objects.get().place == "hmoe"


@pytest.mark.parametrize("place", ["", "hero"])
def test_a_place_that_is_used_is_not_spoken_of(owner: Client, place: str) -> None:
    make_items("hat")
    Slot.objects.create(slug="hero", name="Hero")
    assert "uses the place" not in save(owner, place)
