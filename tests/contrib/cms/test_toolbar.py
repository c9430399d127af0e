"""Staff choose in the toolbar as whom they look at a page."""

from __future__ import annotations

import json
import re
from html import unescape

import pytest
from django.test import Client

from tests.contrib.cms.building import add_block, make_page, place_on, published, words_in
from tests.delivery.people import make_person, make_segments, make_slot, make_variation
from tests.delivery.staff import make_staff, staff_client

pytestmark = pytest.mark.django_db


@pytest.fixture
def url() -> str:
    make_segments("a", "b", "c", "d")
    make_slot("hero")
    make_variation("d", "«d»", slot="hero")
    page = make_page()
    add_block(place_on(page), {"b": "for b", "c": "for c"}, slot="hero")
    return published(page)


def items_on(client: Client, url: str) -> list[tuple[str, str, dict[str, object]]]:
    """Return the items of the menu that post something: name, address, data."""
    html = client.get(url).content.decode()
    found = re.findall(
        r'<a href="([^"]*preview[^"]*)" data-rel="ajax"[^>]*data-post="([^"]*)"[^>]*>\s*'
        r"<span>([^<]*)<",
        html,
    )
    return [(unescape(name), address, json.loads(unescape(data))) for address, data, name in found]


def choose(client: Client, url: str, name: str) -> None:
    address, data = next((a, d) for found, a, d in items_on(client, url) if found == name)
    assert client.post(address, data).status_code == 302


def test_segments_with_something_on_the_page_come_first(url: str) -> None:
    client, _user = staff_client()
    names = [name for name, _address, _data in items_on(client, url)]
    assert names == ["b", "c", "d", "a", "Everyone else"]


def test_a_choice_shows_the_page_as_it_is_for_them(url: str) -> None:
    client, _user = staff_client()
    for name, words in [
        ("b", "for b"),
        ("d", "d"),
        ("a", "everybody"),
        ("Everyone else", "everybody"),
    ]:
        choose(client, url, name)
        response = client.get(url)
        assert words_in(response.content.decode())[0] == words
        assert "no-store" in response["Cache-Control"]


def test_a_preview_ends_where_it_began(url: str) -> None:
    client, _user = staff_client()
    choose(client, url, "b")
    choose(client, url, "End preview")
    assert words_in(client.get(url).content.decode()) == ["everybody"]
    assert "End preview" not in [name for name, _address, _data in items_on(client, url)]


def test_what_is_chosen_is_marked(url: str) -> None:
    client, _user = staff_client()
    choose(client, url, "c")
    html = client.get(url).content.decode()
    active = re.findall(r"navigation-active[^>]*>\s*<a[^>]*preview[^>]*>\s*<span>([^<]*)<", html)
    assert active == ["c"]


def test_nobody_without_the_permission_is_offered_it(url: str) -> None:
    client, _user = staff_client(make_staff("view_segment"))
    assert items_on(client, url) == []
    assert items_on(Client(), url) == []


def test_visitors_get_nothing_of_what_staff_saw(url: str) -> None:
    client, _user = staff_client()
    choose(client, url, "b")
    client.get(url)
    assert words_in(Client().get(url).content.decode()) == ["everybody"]
    assert words_in(make_person("c").client().get(url).content.decode()) == ["for c"]
