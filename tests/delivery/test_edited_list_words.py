"""What editors may say of a list, and which item their page is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.core.exceptions import ValidationError

from personalization.delivery.edited_list import (
    is_item,
    item_of_page,
    refuse_two_items,
    valid_item,
    valid_limit,
    valid_place,
)
from personalization.delivery.recommendations import wanted_of
from personalization.ml import sources
from personalization.ml.item_events import MAX_KEY
from personalization.ml.serving.recommend import MOST
from personalization.ml.sources import ItemSource, register
from personalization.registry import Registry
from project.shop.models import Category, Product
from tests.delivery.recommending import make_items

pytestmark = pytest.mark.django_db

# -- the item that a page is -----------------------------------------------------------


@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    registry: Registry[ItemSource] = Registry("source of items")
    monkeypatch.setattr(sources, "item_sources", registry)
    register(Product, key="slug")


def product(slug: str) -> Product:
    return Product(slug=slug, sku=slug, category=Category(slug="things"))


@pytest.mark.usefixtures("registered")
def test_the_page_of_a_row_of_a_registered_table_is_that_item() -> None:
    things = [None, Category(slug="things"), product("shoe"), product("hat")]
    assert item_of_page(things, path="/shoe/") == "shoe"


@pytest.mark.usefixtures("registered")
def test_a_row_that_can_be_no_item_is_none() -> None:
    assert item_of_page([product("x" * (MAX_KEY + 1))], path="/") == ""


def test_a_page_may_be_an_item_by_its_path() -> None:
    make_items("/journal/", "/h%C3%BCte/")
    assert item_of_page([object()], path="/journal/") == "/journal/"
    assert item_of_page([], path="/hüte/") == "/h%C3%BCte/"
    assert item_of_page([], path="/other/") == ""
    assert is_item("/journal/")
    assert not is_item("/other/")


# -- what editors may say --------------------------------------------------------------


def refusal(validate: Callable[[Any], None], value: object) -> str:
    with pytest.raises(ValidationError) as refused:
        validate(value)
    return str(refused.value.messages[0])


@pytest.mark.parametrize("place", ["", "my place", "x" * 51, "hôme", "a/b"])
def test_a_place_is_what_the_tag_takes(place: str) -> None:
    told = refusal(valid_place, place)
    assert f"{place!r:.60}" in told
    assert "1 to 50 letters, digits, - and _" in told
    with pytest.raises(ValueError, match="The place is"):
        wanted_of(place)


@pytest.mark.parametrize("limit", [0, -1, MOST + 1])
def test_a_limit_is_what_the_tag_takes(limit: int) -> None:
    assert refusal(valid_limit, limit) == (
        f"The limit is {limit}; whole numbers from 1 to {MOST} are allowed."
    )


def test_an_item_is_what_the_tag_takes() -> None:
    assert "a text of up to 200 characters" in refusal(valid_item, "x" * (MAX_KEY + 1))


def test_what_the_tag_takes_is_fine() -> None:
    valid_place("home-1_A")
    valid_limit(MOST)
    valid_item("x" * MAX_KEY)


def test_a_list_is_about_one_item() -> None:
    refuse_two_items("", is_about_page=True)
    refuse_two_items("boots", is_about_page=False)
    with pytest.raises(ValidationError) as refused:
        refuse_two_items("boots", is_about_page=True)
    assert refused.value.messages == [
        "The list is about “boots” and about this page; only one of them is allowed."
    ]
