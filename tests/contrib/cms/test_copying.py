"""Copies of blocks: the same for versions and translations of a page, of their own elsewhere."""

from __future__ import annotations

import pytest
from cms.api import create_page_content
from cms.models import CMSPlugin, Placeholder, UserSettings
from cms.utils.plugins import copy_plugins_to_placeholder
from django.contrib.auth.models import User

from personalization.contrib.cms.models import PersonalizedBlock, Variant
from tests.contrib.cms.building import add_block, make_page, place_on, published, words_in
from tests.delivery.people import make_person, make_segments

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _segments() -> None:
    make_segments("a", "b")


def block_on(placeholder: Placeholder) -> PersonalizedBlock:
    return PersonalizedBlock.objects.get(placeholder=placeholder)


def test_a_copied_page_shows_the_same_in_a_slot_of_its_own() -> None:
    page = make_page()
    block = add_block(place_on(page), {"a": "for a", "b": "for b"}, mode="keyed", reserve=12)
    user = User.objects.create_superuser("root")
    copied = page.copy(page.site, user=user)
    copy = block_on(place_on(copied))
    assert (copy.mode, copy.reserve) == ("keyed", 12)
    assert copy.place != block.place
    url = published(copied)
    assert words_in(make_person("b").client().get(url).content.decode()) == ["for b"]
    assert words_in(make_person().client().get(url).content.decode()) == ["everybody"]


def test_copies_of_variants_are_apart() -> None:
    page = make_page()
    add_block(place_on(page), {"a": "for a"})
    copied = page.copy(page.site, user=User.objects.create_superuser("root"))
    variant = Variant.objects.get(placeholder=place_on(copied))
    variant.segments.append("b")
    variant.save()
    assert Variant.objects.get(placeholder=place_on(page)).segments == ["a"]


def test_a_named_slot_stays_the_same_everywhere() -> None:
    page = make_page()
    add_block(place_on(page), {"a": "for a"}, slot="hero")
    copied = page.copy(page.site, user=User.objects.create_superuser("root"))
    assert block_on(place_on(copied)).place == "hero"


def test_a_translation_is_the_same_place() -> None:
    page = make_page()
    block = add_block(place_on(page), {"a": "for a"})
    create_page_content("de", "Seite", page)
    there = place_on(page, language="de")
    copy_plugins_to_placeholder(place_on(page).get_plugins_list("en"), there, language="de")
    assert block_on(there).place == block.place


def test_a_copy_on_the_clipboard_and_what_is_pasted_are_places_of_their_own() -> None:
    page = make_page()
    block = add_block(place_on(page), {"a": "for a"})
    clipboard = clipboard_of(User.objects.create_superuser("root"))
    place_on(page).copy_plugins(clipboard)
    clipboard.copy_plugins(place_on(page, "aside"))
    places = {block.place, block_on(clipboard).place, block_on(place_on(page, "aside")).place}
    assert len(places) == 3


def clipboard_of(user: User) -> Placeholder:
    clipboard = Placeholder.objects.create(slot="clipboard")
    clipboard.source = UserSettings.objects.create(user=user, language="en", clipboard=clipboard)
    clipboard.save()
    return clipboard


def test_deleting_a_block_takes_all_inside_along() -> None:
    page = make_page()
    block = add_block(place_on(page), {"a": "for a"})
    place_on(page).delete_plugin(CMSPlugin.objects.get(pk=block.pk))
    assert not CMSPlugin.objects.filter(placeholder=place_on(page)).exists()
