"""Editors of a page judge a list by what is popular, are told what is odd, and count for nobody."""

from __future__ import annotations

from html import unescape

import pytest
from cms.models import Page
from cms.toolbar.utils import get_object_preview_url
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from personalization.contrib.cms.cms_plugins import LIST
from personalization.contrib.cms.models import RecommendedItems
from personalization.delivery.recommendation_rules import RecommendationRule
from personalization.segments.models import Segment
from tests.contrib.cms.building import (
    add_list,
    edited,
    hints_in,
    make_page,
    place_on,
    published,
)
from tests.contrib.items import POPULAR, headings, shown_lists, titles
from tests.delivery.people import Person
from tests.delivery.staff import looking_as

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("calm")]


# -- for editors -----------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["inline", "deferred"])
def test_editors_see_what_is_popular_and_count_for_nobody(
    shopper: Person, editor: Client, mode: str
) -> None:
    page = make_page()
    add_list(place_on(page), heading="Picked for you", mode=mode)
    html = edited(editor, page)
    assert (headings(html), titles(html)) == (["Picked for you"], POPULAR)
    assert "Recommended at “home”" in html
    assert hints_in(html) == []
    assert "data-personalization-list" not in html, "the browser would report it as seen"
    preview = editor.get(get_object_preview_url(page.get_content_obj("en"), language="en"))
    html = preview.content.decode()
    assert (headings(html), titles(html)) == (["Picked for you"], POPULAR)
    assert "data-personalization-list" not in html
    assert "pz-cms" not in html
    assert shown_lists() == []


def test_who_looks_as_somebody_else_sees_a_list_for_them(shopper: Person) -> None:
    segment = Segment.objects.get(slug="a")
    RecommendationRule.objects.create(
        name="scarves", segment=segment, action="pin", target="item", value="scarf"
    )
    page = make_page()
    add_list(place_on(page))
    url = published(page)
    assert titles(looking_as("a").get(url).content.decode()) == ["scarf", "hat"]
    assert titles(looking_as("b").get(url).content.decode()) == POPULAR
    assert shown_lists() == []


def test_editors_are_told_of_a_list_that_is_empty_and_of_an_item_that_is_gone(
    editor: Client,
) -> None:
    page = make_page()
    add_list(place_on(page), heading="Picked for you", item="boots")
    html = edited(editor, page)
    assert headings(html) == []
    assert hints_in(html) == [
        "There is no item “boots”: the list is about nothing.",
        "There is nothing to recommend yet, so that visitors see neither list nor heading.",
    ]
    assert shown_lists() == []


def post(editor: Client, page: Page, **said: object) -> str:
    """Send the form of a new list, and return what is answered."""
    url = (
        reverse("admin:cms_placeholder_add_plugin")
        + f"?placeholder_id={place_on(page).pk}&plugin_type={LIST}&plugin_language=en"
        "&plugin_position=1&cms_path=/page/"
    )
    form = {"place": "home", "limit": "6", "heading": "", "item": "", "mode": "", **said}
    return unescape(editor.post(url, form).content.decode())


def test_an_editor_fills_in_a_form(editor: Client) -> None:
    page = make_page()
    post(editor, page, place="cart", limit="3", heading="With it", about_page="on")
    added = RecommendedItems.objects.get()
    assert (added.place, added.limit, added.heading) == ("cart", 3, "With it")
    assert added.about_page
    assert str(added) == "cart: With it"


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"place": "my place"}, "The place is 'my place'; 1 to 50 letters, digits, - and _ are"),
        ({"limit": "0"}, "The limit is 0; whole numbers from 1 to 50 are allowed."),
        ({"limit": "51"}, "The limit is 51; whole numbers from 1 to 50 are allowed."),
        ({"limit": "six"}, "Enter a whole number"),
        ({"item": "boots", "about_page": "on"}, "The list is about “boots” and about this page;"),
        ({"mode": "sometimes"}, "sometimes"),
    ],
)
def test_what_no_list_can_be_is_named_with_what_is_allowed(
    editor: Client, said: dict[str, object], told: str
) -> None:
    assert told in post(editor, make_page(), **said)
    assert not RecommendedItems.objects.exists()


def test_a_copied_page_has_the_same_list() -> None:
    page = make_page()
    add_list(place_on(page), place="cart", limit=3, heading="With it", item="shoe")
    copied = page.copy(page.site, user=User.objects.create_superuser("root"))
    copy = RecommendedItems.objects.get(placeholder=place_on(copied))
    assert (copy.place, copy.limit, copy.heading, copy.item) == ("cart", 3, "With it", "shoe")
