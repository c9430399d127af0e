"""Editors judge a list by a preview that counts for nobody, and are told what no list can be."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.exceptions import ValidationError
from wagtail.models import Page

from personalization.contrib.wagtail.lists import RecommendedItemsBlock
from personalization.delivery.recommendation_rules import RecommendationRule
from personalization.ml.item_events import MAX_KEY
from personalization.ml.models import Item
from personalization.ml.serving import shelf
from personalization.segments.models import Segment
from tests.contrib.items import OWN, POPULAR, headings, shown_lists, titles
from tests.contrib.wagtail.building import (
    listed,
    make_page,
    previewed_page,
    publish,
)
from tests.contrib.wagtail.site.models import PlainPage, ScratchPage
from tests.delivery.people import Person
from tests.delivery.rendering import counted

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("calm")]

HINT = "There is nothing to recommend yet, so that visitors see neither list nor heading."


@pytest.mark.parametrize("mode", ["inline", "deferred"])
@pytest.mark.parametrize("model", [ScratchPage, PlainPage])
def test_a_preview_shows_what_is_popular_and_counts_for_nobody(
    shopper: Person, model: type[Page], mode: str
) -> None:
    body = [listed(heading="Picked for you", mode=mode)]
    page = publish(model(title="Page", slug="page", body=body))
    html = previewed_page(page)
    assert (headings(html), titles(html)) == (["Picked for you"], POPULAR)
    assert "data-personalization-list" not in html, "the browser would report it as seen"
    assert shown_lists() == []
    own = shopper.client().get(page.url).content.decode()
    assert titles(own) == (OWN if mode == "inline" else POPULAR)


def test_a_preview_as_a_segment_has_the_list_of_its_members(shopper: Person) -> None:
    RecommendationRule.objects.create(
        name="scarves",
        segment=Segment.objects.get(slug="a"),
        action="pin",
        target="item",
        value="scarf",
    )
    page = make_page(listed())
    assert titles(previewed_page(page, "segment:a")) == ["scarf", "hat"]
    assert titles(previewed_page(page, "segment:b")) == POPULAR


def test_in_a_preview_editors_are_told_of_a_list_that_is_empty_or_not_finished(
    shopper: Person,
) -> None:
    failed = counted("slots.failed")
    assert HINT in previewed_page(make_page(listed(place=""), slug="draft"))
    assert HINT in previewed_page(make_page({**listed(), "value": {"limit": None}}, slug="new"))
    assert counted("slots.failed") == failed
    Item.objects.all().delete()
    shelf.forget()
    html = previewed_page(make_page(listed(heading="Picked for you")))
    assert HINT in html
    assert headings(html) == []


def cleaned(**said: Any) -> Any:
    """Return the value of a list as it is stored once its form was sent."""
    form = RecommendedItemsBlock()
    return form.get_prep_value(form.clean(form.to_python({"place": "home", "limit": 6, **said})))


def test_a_new_list_has_six_items_and_is_delivered_as_the_site_is() -> None:
    assert cleaned() == {
        "place": "home",
        "limit": 6,
        "heading": "",
        "about_page": False,
        "item": "",
        "mode": "",
    }
    assert RecommendedItemsBlock().get_default()["limit"] == 6


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("place", "my place", "The place is 'my place'; 1 to 50 letters, digits, - and _ are"),
        ("place", "x" * 51, "1 to 50 letters"),
        ("place", "", "required"),
        ("limit", 0, "The limit is 0; whole numbers from 1 to 50 are allowed."),
        ("limit", 51, "The limit is 51; whole numbers from 1 to 50 are allowed."),
        ("limit", None, "required"),
        ("item", "x" * (MAX_KEY + 1), "a text of up to 200 characters"),
        ("mode", "sometimes", "sometimes"),
    ],
)
def test_what_no_list_can_be_is_named_with_what_is_allowed(
    name: str, value: object, told: str
) -> None:
    with pytest.raises(ValidationError) as refused:
        cleaned(**{name: value})
    errors = refused.value.block_errors  # type: ignore[attr-defined]
    assert list(errors) == [name]
    assert told in str(errors[name])


def test_a_list_is_about_one_item() -> None:
    with pytest.raises(ValidationError) as refused:
        cleaned(item="boots", about_page=True)
    errors = refused.value.block_errors  # type: ignore[attr-defined]
    assert "The list is about “boots” and about this page;" in str(errors["item"])
