"""Editors see all of a block, for whom each part is, and what is odd about it."""

from __future__ import annotations

import re
from html import unescape

import pytest
from cms.api import add_plugin
from cms.models import CMSPlugin, Page
from cms.plugin_pool import plugin_pool
from cms.toolbar.utils import get_object_edit_url, get_object_preview_url
from cms.utils.plugins import get_plugin_restrictions
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from personalization.contrib.cms.cms_plugins import BLOCK, DEFAULT, VARIANT
from personalization.contrib.cms.forms import BlockForm, VariantForm
from personalization.contrib.cms.models import PersonalizedBlock, Variant
from personalization.segments.models import Segment
from tests.contrib.cms.building import (
    add_block,
    add_variant,
    add_words,
    make_page,
    place_on,
    published,
    words_in,
)
from tests.delivery.people import make_segments, make_slot

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _segments() -> None:
    make_segments("a", "b")


@pytest.fixture
def editor() -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("root"))
    return client


def edited(client: Client, page: Page) -> str:
    response = client.get(get_object_edit_url(page.get_content_obj("en"), language="en"))
    assert response.status_code == 200
    return unescape(response.content.decode())


def labels_in(html: str) -> list[str]:
    return re.findall(r'class="pz-cms-label">([^<]*)<', html)


def warnings_in(html: str) -> list[str]:
    return re.findall(r'class="pz-cms-warning">([^<]*)<', html)


def test_all_variants_are_there_with_whom_they_are_for(editor: Client) -> None:
    Segment.objects.filter(slug="a").update(name="Loyal customers")
    page = make_page()
    add_block(place_on(page), {"a": "for a", "a+b": "for both"})
    html = edited(editor, page)
    assert words_in(html) == ["for a", "for both", "everybody"]
    assert labels_in(html) == [
        "For visitors in: Loyal customers",
        "For visitors in: Loyal customers, b",
        "Everyone else",
    ]
    assert warnings_in(html) == []
    assert "personalization/cms/editing.css" in html


def test_nothing_of_that_is_on_the_page_itself(editor: Client) -> None:
    page = make_page()
    add_block(place_on(page), {"a": "for a"})
    url = get_object_preview_url(page.get_content_obj("en"), language="en")
    html = editor.get(url).content.decode()
    assert words_in(html) == ["everybody"]
    assert "pz-cms" not in html
    assert "editing.css" not in html


def test_editors_are_told_of_segments_that_are_gone_or_off(editor: Client) -> None:
    Segment.objects.filter(slug="b").update(active=False)
    page = make_page()
    add_block(place_on(page), {"gone": "for nobody", "b": "for b", "a": "for a"})
    assert warnings_in(edited(editor, page)) == [
        "There is no active segment “gone”: nobody is in it.",
        "There is no active segment “b”: nobody is in it.",
    ]


def test_editors_are_told_that_there_is_no_default_and_no_slot(editor: Client) -> None:
    page = make_page()
    add_block(place_on(page), {"a": "for a"}, default="", slot="hero")
    assert warnings_in(edited(editor, page)) == [
        "There is nothing for everyone else: they see an empty place.",
        "There is no slot “hero” any more: only what stands here is shown.",
    ]


# -- the structure board ---------------------------------------------------------------


def children_of(plugin: CMSPlugin) -> set[str]:
    found, _parents = get_plugin_restrictions(plugin.get_bound_plugin())
    return set(found)


def test_a_block_holds_variants_and_a_default_and_nothing_else() -> None:
    block = add_block(place_on(make_page()), {"a": "for a"})
    assert children_of(block) == {VARIANT, DEFAULT}


def test_a_variant_holds_anything_but_another_variant() -> None:
    block = add_block(place_on(make_page()), {})
    inside = children_of(add_variant(block, "a", "for a"))
    assert {"WordsPlugin", BLOCK} <= inside
    assert not {VARIANT, DEFAULT} & inside


def add_url(page: Page, plugin_type: str, *, parent: int | str = "") -> str:
    return (
        reverse("admin:cms_placeholder_add_plugin")
        + f"?placeholder_id={place_on(page).pk}&plugin_type={plugin_type}&plugin_language=en"
        f"&plugin_position=1&plugin_parent={parent}&cms_path=/page/"
    )


def test_a_new_block_comes_with_a_default(editor: Client) -> None:
    page = make_page()
    response = editor.post(add_url(page, BLOCK), {"slot": "", "mode": "", "reserve": ""})
    assert response.status_code == 200
    block = PersonalizedBlock.objects.get()
    assert [child.plugin_type for child in block.get_children()] == [DEFAULT]


def test_no_variant_stands_outside_of_a_block() -> None:
    offered = {plugin.__name__ for plugin in plugin_pool.get_root_plugins(place_on(make_page()))}
    assert BLOCK in offered
    assert not {VARIANT, DEFAULT} & offered


def test_a_variant_that_does_so_anyway_is_for_nobody(client: Client) -> None:
    page = make_page()
    variant = add_plugin(place_on(page), VARIANT, "en", segments=["a"])
    add_words(place_on(page), "for a", inside=variant)
    assert words_in(client.get(published(page)).content.decode()) == []


# -- the forms -------------------------------------------------------------------------


def test_a_block_names_a_slot_or_has_its_own() -> None:
    make_slot("hero")
    assert BlockForm({"slot": "hero", "mode": "keyed"}).is_valid()
    own = BlockForm({"slot": "", "mode": ""})
    assert own.is_valid()
    assert own.save(commit=False).place.startswith("own-")
    wrong = BlockForm({"slot": "heroo", "mode": ""})
    assert "heroo" in str(wrong.errors["slot"])


def test_a_block_keeps_a_slot_that_is_gone_until_it_is_told_otherwise() -> None:
    form = BlockForm({"slot": "hero", "mode": ""}, instance=PersonalizedBlock(slot="hero"))
    assert form.is_valid()
    assert ("hero", "“hero”, which does not exist any more") in form.fields["slot"].choices


@pytest.mark.parametrize(("reserve", "valid"), [(1, True), (60, True), (0, False), (61, False)])
def test_a_block_reserves_what_there_is_a_class_for(reserve: int, valid: bool) -> None:
    assert BlockForm({"slot": "", "mode": "deferred", "reserve": reserve}).is_valid() is valid


def test_a_variant_names_segments_that_live() -> None:
    form = VariantForm({"segments": ["a", "b"]})
    assert form.is_valid()
    assert form.cleaned_data["segments"] == ["a", "b"]
    assert "segments" in VariantForm({"segments": []}).errors
    assert "nosuch" in str(VariantForm({"segments": ["nosuch"]}).errors["segments"])


def test_a_variant_keeps_segments_that_are_off_or_gone_until_it_is_told_otherwise() -> None:
    Segment.objects.filter(slug="b").update(active=False, name="Bees")
    form = VariantForm({"segments": ["b", "gone"]}, instance=Variant(segments=["b", "gone"]))
    assert form.is_valid()
    assert form.fields["segments"].choices == [
        ("a", "a"),
        ("b", "Bees, which is switched off"),
        ("gone", "“gone”, which does not exist any more"),
    ]
