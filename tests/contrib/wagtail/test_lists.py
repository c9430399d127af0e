"""A list that an editor put into a stream is what the tag would show, and is kept where that may be."""

from __future__ import annotations

import re

import pytest
from django.core.cache import caches
from django.db import connection
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext
from wagtail.models import Page

from personalization.contrib.wagtail.lists import RecommendedItemsBlock
from personalization.ml import sources
from personalization.ml.models import Item
from personalization.ml.serving import shelf
from personalization.ml.sources import ItemSource, register
from personalization.registry import Registry
from tests.conftest import BROWSER
from tests.contrib.items import OWN, POPULAR, headings, make_shopper, shown_lists, titles
from tests.contrib.wagtail.building import (
    Part,
    block,
    inside,
    listed,
    make_page,
    previewed_page,
    words,
    words_in,
)
from tests.contrib.wagtail.fuzz import STACKS
from tests.contrib.wagtail.site.models import ScratchPage
from tests.delivery.people import Person, make_person
from tests.delivery.recommending import make_items
from tests.delivery.rendering import counted

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("calm")]

HINT = "There is nothing to recommend yet, so that visitors see neither list nor heading."


def client_of(person: Person | None) -> Client:
    client = Client(headers={"user-agent": BROWSER})
    client.cookies.load(person.cookies if person else {})
    return client


def seen(page: Page, person: Person | None = None) -> str:
    response = client_of(person).get(page.url)
    assert response.status_code == 200
    return response.content.decode()


def without_serials(html: str) -> str:
    return re.sub(r"<!-- \d+ -->", "", html)


# -- for visitors ----------------------------------------------------------------------


def test_each_visitor_sees_their_own_and_everyone_else_what_is_popular(shopper: Person) -> None:
    page = make_page(listed(heading="Picked for you"))
    html = seen(page, shopper)
    assert (headings(html), titles(html)) == (["Picked for you"], OWN)
    assert "Because you looked at The shoe" in html
    refused = make_shopper()
    refused.agree_to("analytics")
    for person in (None, make_person(), refused):
        html = seen(page, person)
        assert (headings(html), titles(html)) == (["Picked for you"], POPULAR)


def test_where_there_are_no_items_there_is_no_heading_and_no_hint() -> None:
    html = seen(make_page(words("before"), listed(heading="Picked for you")), make_person())
    assert words_in(html) == ["before"]
    assert "pz-recommended" not in html
    assert HINT not in html


def test_it_counts_as_shown_once_for_each_view_of_somebody_we_know(shopper: Person) -> None:
    page = make_page(listed())
    seen(page)
    assert shown_lists() == []
    seen(page, shopper)
    seen(page, shopper)
    assert shown_lists() == [OWN, OWN]


def test_it_begins_with_what_goes_with_the_item_that_is_named(shopper: Person) -> None:
    assert titles(seen(make_page(listed(item="shoe"))))[0] == "sock"


def test_a_list_that_cannot_be_made_is_not_there_and_is_counted(shopper: Person) -> None:
    before = counted("slots.failed")
    page = make_page(listed(place="no place", heading="Picked for you"), listed(limit=1))
    html = seen(page)
    assert (headings(html), titles(html)) == ([], ["hat"])
    assert counted("slots.failed") == before + 1


def test_where_a_stream_is_rendered_without_the_request_it_is_that_of_all(shopper: Person) -> None:
    page = make_page(listed())
    assert titles(str(page.body)) == POPULAR


def test_all_lists_of_a_page_cost_one_read_beside_that_of_its_visitor(shopper: Person) -> None:
    client = client_of(shopper)

    def reads(page: ScratchPage) -> int:
        client.get(page.url)
        with CaptureQueriesContext(connection) as queries:
            assert client.get(page.url).status_code == 200
        asked = [query["sql"] for query in queries if query["sql"].startswith("SELECT")]
        # What is written is so behind the page, where no test waits for it.
        return sum('FROM "personalization_source"' not in sql for sql in asked)

    plain = reads(make_page(words("only"), slug="plain"))
    parts = [listed(place=f"place-{n}") for n in range(8)]
    assert reads(make_page(*parts, slug="lists")) == plain + 2  # the visitor, and what they did


# -- on pages that caches keep ---------------------------------------------------------


@pytest.mark.parametrize("delivery", ["keyed", "deferred"])
def test_a_page_that_caches_keep_is_the_same_for_all_and_rendered_once(
    shopper: Person, delivery: str
) -> None:
    page = make_page(listed(heading="Picked for you"))
    caches["default"].clear()
    middleware = STACKS["Django's cache"]
    with override_settings(PERSONALIZATION_DELIVERY=delivery, MIDDLEWARE=middleware):
        first = seen(page)
        Item.objects.all().delete()
        assert first == seen(page) == seen(page, shopper)
    assert titles(first) == POPULAR
    assert 'data-personalization-list="home" data-personalization-limit="2"' in first
    assert shown_lists() == []


def test_a_place_that_is_kept_empty_waits_for_the_browser_without_a_heading_in_sight() -> None:
    html = seen(make_page(listed(heading="Picked for you", mode="deferred")))
    assert re.search(r'<section class="pz-recommended"[^>]* hidden>', html)


# -- in a block ------------------------------------------------------------------------


def test_in_a_variant_it_is_there_for_those_who_see_that(shopper: Person) -> None:
    page = make_page(inside(listed(heading="Picked for you")))
    html = seen(page, shopper)
    assert (headings(html), titles(html)) == (["Picked for you"], OWN)
    html = seen(page, make_shopper())
    assert words_in(html) == ["everybody"]
    assert titles(html) == []
    assert shown_lists() == [OWN]


def test_in_a_variant_of_a_deferred_block_it_is_that_of_all(shopper: Person) -> None:
    page = make_page(inside(listed(), mode="deferred"))
    html = seen(page)
    assert without_serials(seen(page, shopper)) == without_serials(html)
    template = html[html.index("<template") : html.index("</template>")]
    assert titles(template) == titles(html) == POPULAR
    assert "data-personalization-list" in template
    assert shown_lists() == []


# -- about this page -------------------------------------------------------------------


@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    """A site whose pages are items, by their slugs."""
    registry: Registry[ItemSource] = Registry("source of items")
    monkeypatch.setattr(sources, "item_sources", registry)
    register(ScratchPage, key="slug")


@pytest.mark.usefixtures("registered")
def test_it_may_be_about_the_page_where_that_is_an_item(shopper: Person) -> None:
    page = make_page(listed(about_page=True), slug="shoe")
    assert titles(seen(page))[0] == "sock"
    assert titles(previewed_page(page))[0] == "sock"


@pytest.mark.usefixtures("registered")
def test_in_a_variant_it_may_be_so_too(shopper: Person) -> None:
    page = make_page(inside(listed(about_page=True), mode="deferred"), slug="shoe")
    assert 'data-personalization-item="shoe"' in seen(page)


def test_pages_may_be_items_by_their_paths(shopper: Person) -> None:
    page = make_page(listed(about_page=True, mode="deferred"))
    assert 'data-personalization-item=""' in seen(page)
    path = re.sub(r"^https?://[^/]*", "", page.url)
    make_items(path, kind="page")
    shelf.forget()  # as time does
    assert f'data-personalization-item="{path}"' in seen(page)


# -- what others get of it -------------------------------------------------------------


def test_a_front_end_without_pages_gets_what_it_has_to_ask_for() -> None:
    page = make_page(listed(heading="Picked for you", item="shoe"))
    (found,) = page.body.stream_block.get_api_representation(page.body)
    assert found["value"] == {
        "place": "home",
        "limit": 2,
        "heading": "Picked for you",
        "about_page": False,
        "item": "shoe",
        "mode": "",
    }


def test_pages_are_found_by_the_headings_of_their_lists() -> None:
    page = make_page(listed(heading="Picked for you", item="shoe"), listed(place="cart"))
    assert page.body.stream_block.get_searchable_content(page.body) == ["Picked for you"]


def test_migrations_of_a_site_freeze_no_class_of_ours() -> None:
    path, _args, _kwargs = RecommendedItemsBlock().deconstruct()
    assert path == "wagtail.blocks.StructBlock"


def test_a_list_beside_blocks_is_no_place_of_theirs() -> None:
    part: Part = block({"a": "for a"}, slot="home")
    make_page(part, listed(place="home")).full_clean()
