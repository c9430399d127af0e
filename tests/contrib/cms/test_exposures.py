"""What a block showed is written as events: rendered with the page, or out of a cache."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from cms.toolbar.utils import get_object_edit_url
from django.test import Client, override_settings

from personalization.testing import exposures_at_once, memory_buffer
from tests.conftest import BROWSER
from tests.contrib.cms.building import add_block, make_page, place_on, published, words_in
from tests.delivery.people import Person, make_person, make_segments
from tests.delivery.showing import written
from tests.delivery.staff import staff_client

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _buffer() -> Iterator[None]:
    make_segments("a", "b")
    with memory_buffer(), exposures_at_once():
        yield


def see(url: str, person: Person | None = None) -> list[str]:
    client = Client(headers={"user-agent": BROWSER})
    client.cookies.load(person.cookies if person else {})
    return words_in(client.get(url).content.decode())


def shown() -> list[tuple[str, str]]:
    return [
        (event["properties"]["slot"], event["properties"]["variation"])
        for event in written()
        if event["name"] == "Slot Shown"
    ]


@pytest.mark.parametrize("mode", ["inline", "keyed"])
def test_each_view_of_a_variant_counts_once_also_out_of_the_page_cache(mode: str) -> None:
    page = make_page()
    block = add_block(place_on(page), {"a": "for a", "b": "for b"}, mode=mode)
    url = published(page)
    for _ in range(3):
        assert see(url, make_person("b")) == ["for b"]
    assert shown() == [(block.place, "template:1:b")] * 3


def test_defaults_count_for_nobody() -> None:
    page = make_page()
    add_block(place_on(page), {"a": "for a"})
    url = published(page)
    see(url)
    see(url, make_person("b"))
    assert shown() == []


@pytest.mark.parametrize("mode", ["inline", "keyed"])
@override_settings(PERSONALIZATION_HOLDOUT=0.5)
def test_who_is_held_out_sees_the_default_and_counts_also_out_of_the_page_cache(mode: str) -> None:
    page = make_page()
    block = add_block(place_on(page), {"a": "for a"}, mode=mode)
    url, people = published(page), [make_person("a") for _ in range(30)]
    seen = [see(url, person) for person in people * 2]
    assert {words for [words] in seen} == {"everybody", "for a"}
    name = f"{block.place}/template:0:a"
    arms = [event["properties"]["assigned"][name]["arm"] for event in written()]
    assert arms == ["shown" if words == ["for a"] else "held_out" for words in seen]


def test_what_editors_look_at_counts_for_nobody() -> None:
    page = make_page()
    add_block(place_on(page), {"a": "for a"})
    client, user = staff_client()
    user.is_superuser = True
    user.save()
    client.cookies.load(make_person("a").cookies)
    html = client.get(get_object_edit_url(page.get_content_obj("en"))).content.decode()
    assert "for a" in html
    assert shown() == []


def test_a_variant_that_failed_was_not_shown() -> None:
    page = make_page()
    add_block(place_on(page), {"a": "breaks"})
    assert see(published(page), make_person("a")) == ["everybody"]
    assert shown() == []


# -- deferred --------------------------------------------------------------------------


@override_settings(PERSONALIZATION_DELIVERY="deferred")
def test_a_deferred_block_is_the_same_for_everybody_and_waits_for_the_browser() -> None:
    page = make_page()
    add_block(place_on(page), {"a": "for a", "b": "breaks"}, slot="hero", reserve=12)
    url, client = published(page), Client()
    html = client.get(url).content.decode()
    assert make_person("a").client().get(url).content.decode() == html
    assert '<div class="pz-slot pz-reserve-12" data-personalization-slot="hero"' in html
    assert 'data-personalization-variation="template:0:a"' in html
    assert words_in(html) == ["everybody", "for a"]
    assert shown() == []
