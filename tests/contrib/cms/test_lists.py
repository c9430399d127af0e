"""A list that an editor put on a page is what the tag would show, and is kept where that may be."""

from __future__ import annotations

import re

import pytest
from cms.models import PageContent
from cms.utils.plugins import get_plugin_restrictions
from django.db import connection
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext

from personalization.contrib.cms.cms_plugins import LIST
from personalization.ml import sources
from personalization.ml.models import Item
from personalization.ml.sources import ItemSource, register
from personalization.registry import Registry
from tests.conftest import BROWSER
from tests.contrib.cms.building import (
    add_block,
    add_list,
    add_variant,
    edited,
    hints_in,
    make_page,
    place_on,
    published,
)
from tests.contrib.items import OWN, POPULAR, headings, make_shopper, shown_lists, titles
from tests.delivery.people import Person, make_person
from tests.delivery.recommending import make_items

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("calm")]


def seen(url: str, person: Person | None = None) -> str:
    client = Client(headers={"user-agent": BROWSER})
    client.cookies.load(person.cookies if person else {})
    response = client.get(url)
    assert response.status_code == 200
    return response.content.decode()


# -- for visitors ----------------------------------------------------------------------


def test_each_visitor_sees_their_own_and_everyone_else_what_is_popular(shopper: Person) -> None:
    page = make_page()
    add_list(place_on(page), heading="Picked for you")
    url = published(page)
    html = seen(url, shopper)
    assert (headings(html), titles(html)) == (["Picked for you"], OWN)
    assert "Because you looked at The shoe" in html
    for person in (None, make_person(), make_shopper()):
        if person is not None:
            person.agree_to("analytics")
        html = seen(url, person)
        assert (headings(html), titles(html)) == (["Picked for you"], POPULAR)


def test_the_page_has_the_style_of_lists_and_nothing_for_editors(shopper: Person) -> None:
    page = make_page()
    add_list(place_on(page))
    html = seen(published(page))
    assert html.count("personalization/recommended.css") == 1
    assert "pz-cms" not in html
    assert "editing.css" not in html


def test_where_there_are_no_items_there_is_no_heading() -> None:
    page = make_page()
    add_list(place_on(page), heading="Picked for you")
    html = seen(published(page), make_person())
    assert headings(html) == []
    assert "pz-recommended" not in html
    assert "recommended.css" not in html


def test_it_counts_as_shown_once_for_each_view_of_somebody_we_know(shopper: Person) -> None:
    page = make_page()
    add_list(place_on(page))
    url = published(page)
    seen(url)
    assert shown_lists() == []
    seen(url, shopper)
    seen(url, shopper)
    assert shown_lists() == [OWN, OWN]


def test_it_begins_with_what_goes_with_the_item_that_is_named(shopper: Person) -> None:
    page = make_page()
    add_list(place_on(page), item="shoe")
    assert titles(seen(published(page)))[0] == "sock"


def test_a_list_that_cannot_be_made_is_not_there(shopper: Person) -> None:
    page = make_page()
    add_list(place_on(page), place="no place", heading="Picked for you")
    add_list(place_on(page), limit=1)
    html = seen(published(page))
    assert (headings(html), titles(html)) == ([], ["hat"])


def test_all_lists_of_a_page_cost_one_read_beside_that_of_its_visitor(shopper: Person) -> None:
    def reads(n: int) -> list[str]:
        page = make_page(f"page-{n}")
        for number in range(n):
            add_list(place_on(page), place=f"place-{number}")
        url = published(page)
        seen(url, shopper)
        with CaptureQueriesContext(connection) as queries:
            assert titles(seen(url, shopper)) == OWN * n
        asked = [query["sql"] for query in queries if "personalization_" in query["sql"]]
        # What is written is so behind the page, where no test waits for it.
        return [sql for sql in asked if 'FROM "personalization_source"' not in sql]

    one, many = reads(1), reads(8)
    assert len(many) == len(one)
    ours = [sql for sql in many if "personalization_cms_" not in sql]
    assert len(ours) == 2  # the visitor, and what they did


# -- on pages that caches keep ---------------------------------------------------------


@pytest.mark.parametrize("delivery", ["keyed", "deferred"])
def test_a_page_that_caches_keep_is_the_same_for_all_and_rendered_once(
    shopper: Person, delivery: str
) -> None:
    page = make_page()
    add_list(place_on(page), heading="Picked for you")
    with override_settings(PERSONALIZATION_DELIVERY=delivery):
        url = published(page)
        first = seen(url)
        Item.objects.all().delete()
        assert first == seen(url) == seen(url, shopper)
    assert titles(first) == POPULAR
    assert 'data-personalization-list="home" data-personalization-limit="2"' in first
    assert shown_lists() == []


def test_a_list_with_the_page_is_kept_for_nobody_we_know(shopper: Person) -> None:
    page = make_page()
    add_list(place_on(page))
    url = published(page)
    assert titles(seen(url)) == POPULAR
    assert titles(seen(url, shopper)) == OWN
    assert titles(seen(url)) == POPULAR
    assert "private" in shopper.client().get(url)["Cache-Control"]


def test_a_place_that_is_kept_empty_waits_for_the_browser_without_a_heading_in_sight() -> None:
    page = make_page()
    add_list(place_on(page), heading="Picked for you", mode="deferred")
    html = seen(published(page))
    assert re.search(r'<section class="pz-recommended"[^>]* hidden>', html)
    assert "data-personalization-around" in html, "by which the browser shows it once it is filled"


# -- in a block ------------------------------------------------------------------------


def page_with_a_list_inside(mode: str = "") -> str:
    page = make_page()
    block = add_block(place_on(page), {}, mode=mode)
    variant = add_variant(block, "a", "for a")
    add_list(place_on(page), inside=variant, heading="Picked for you")
    return published(page)


def test_in_a_variant_it_is_there_for_those_who_see_that(shopper: Person) -> None:
    url = page_with_a_list_inside()
    html = seen(url, shopper)
    assert (headings(html), titles(html)) == (["Picked for you"], OWN)
    assert shown_lists() == [OWN]
    html = seen(url, make_shopper())
    assert "everybody" in html
    assert (headings(html), titles(html)) == ([], [])
    assert shown_lists() == [OWN]


def test_in_a_variant_of_a_deferred_block_it_is_that_of_all(shopper: Person) -> None:
    url = page_with_a_list_inside(mode="deferred")
    html = seen(url)
    assert seen(url, shopper) == html
    template = html[html.index("<template") : html.index("</template>")]
    assert titles(template) == titles(html) == POPULAR
    assert "data-personalization-list" in template
    assert shown_lists() == []


def test_it_may_stand_in_a_variant_and_holds_nothing_itself() -> None:
    page = make_page()
    variant = add_variant(add_block(place_on(page), {}), "a", "for a")
    assert LIST in get_plugin_restrictions(variant.get_bound_plugin())[0]
    assert not add_list(place_on(page)).get_plugin_class().allow_children


# -- about this page -------------------------------------------------------------------


@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    """A site whose pages are items, by their addresses."""
    registry: Registry[ItemSource] = Registry("source of items")
    monkeypatch.setattr(sources, "item_sources", registry)
    register(PageContent, key=lambda content: content.page.get_slug("en"), kind="page")


@pytest.mark.usefixtures("registered")
def test_it_may_be_about_the_page_where_that_is_an_item(shopper: Person, editor: Client) -> None:
    page = make_page("shoe")
    add_list(place_on(page), about_page=True)
    assert titles(seen(published(page)))[0] == "sock"
    assert titles(edited(editor, page))[0] == "sock"


def test_pages_may_be_items_by_their_paths(shopper: Person, editor: Client) -> None:
    page = make_page("article")
    add_list(place_on(page), about_page=True)
    url = published(page)
    make_items(url, kind="page")
    with override_settings(PERSONALIZATION_DELIVERY="deferred"):
        assert f'data-personalization-item="{url}"' in seen(url)
    assert hints_in(edited(editor, page)) == []
