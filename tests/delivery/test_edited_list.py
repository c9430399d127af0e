"""Lists that editors put on pages: what the tag makes, under a heading that goes with it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.http import HttpRequest
from django.template import RequestContext, Template
from django.template.base import NodeList, TextNode
from django.test import override_settings
from django.test.utils import CaptureQueriesContext
from django.utils.safestring import SafeString

from personalization.delivery.block import PersonalizedBlock
from personalization.delivery.candidates import candidate_of
from personalization.delivery.edited_list import (
    EditedList,
    render_list,
)
from personalization.delivery.options import Options
from personalization.delivery.preview import Preview
from personalization.delivery.recommendation_rules import RecommendationRule
from personalization.delivery.visitor import Visitor
from personalization.ml.serving.recommend import MOST
from personalization.testing import exposures_at_once, memory_buffer
from tests.calm import CALM
from tests.delivery.people import Person, make_person, make_segments
from tests.delivery.recommending import look_at, make_crowd, make_items
from tests.delivery.rendering import counted, render_in, request_of
from tests.delivery.showing import BROWSER, written
from tests.ml.serving.stored import serve_what_follows

# Not in a transaction: there a read is guarded by a savepoint.
pytestmark = pytest.mark.django_db(transaction=True)

HOME = EditedList(place="home", limit=2, heading="Picked for you")
LIST = '{% load personalization %}{% recommend "home" limit=2 %}'


@pytest.fixture(autouse=True)
def _calm() -> Iterator[None]:
    with (
        memory_buffer(),
        exposures_at_once(),
        override_settings(PERSONALIZATION_RECOMMENDATIONS=CALM),
    ):
        yield


@pytest.fixture
def person() -> Person:
    """Somebody who looked at the hat and the shoe, where others look at the hat most."""
    make_items("hat", "shoe", "sock", "scarf", url="/things/")
    make_crowd(["hat", "shoe", "sock", "scarf"])
    serve_what_follows({"shoe": ["sock", "scarf"]}, number=4)
    person = make_person()
    look_at(person, "hat", "shoe")
    return person


def page_of(person: Person | None = None) -> HttpRequest:
    request = request_of(person)
    request.META["HTTP_USER_AGENT"] = BROWSER
    return request


def visitor_of(request: HttpRequest) -> Visitor:
    visitor = request.personalization  # type: ignore[attr-defined]
    assert isinstance(visitor, Visitor)
    return visitor


def shown(edited: EditedList, request: HttpRequest | None, *, looks: bool = False) -> str:
    return str(render_list(edited, request, looks=looks))


def titles(html: str) -> list[str]:
    return re.findall(r"The (\w+)</span>", html)


def headings(html: str) -> list[str]:
    return re.findall(r"<h2[^>]*>([^<]*)</h2>", html)


# -- for visitors ----------------------------------------------------------------------


def test_it_is_the_list_of_the_tag_under_its_heading(person: Person) -> None:
    html = shown(HOME, page_of(person))
    assert headings(html) == ["Picked for you"]
    assert titles(html) == ["sock", "scarf"]
    assert render_in(LIST, page_of(person)).strip() in html
    assert "Because you looked at The shoe" in html


def test_who_did_not_agree_sees_what_is_popular(person: Person) -> None:
    assert titles(shown(HOME, page_of())) == ["hat", "shoe"]
    person.agree_to("analytics")
    assert titles(shown(HOME, page_of(person))) == ["hat", "shoe"]


def test_without_a_heading_there_is_none(person: Person) -> None:
    html = shown(EditedList(place="home", limit=1), page_of(person))
    assert titles(html) == ["sock"]
    assert headings(html) == []
    assert "aria-label" not in html


def test_a_heading_is_text(person: Person) -> None:
    html = shown(EditedList(place="home", limit=1, heading='<b>"A&B"</b>'), page_of(person))
    assert headings(html) == ["&lt;b&gt;&quot;A&amp;B&quot;&lt;/b&gt;"]
    assert 'aria-label="&lt;b&gt;&quot;A&amp;B&quot;&lt;/b&gt;"' in html


def test_where_there_is_nothing_there_is_no_heading_either() -> None:
    for request in (page_of(), page_of(make_person()), None):
        assert shown(HOME, request) == ""


def test_it_is_about_the_item_that_is_named(person: Person) -> None:
    about = EditedList(place="home", limit=1, item="shoe")
    assert titles(shown(about, page_of())) == ["sock"]


def test_it_counts_as_the_list_of_the_tag_does(person: Person) -> None:
    shown(HOME, page_of(person))
    render_in(LIST, page_of(person))
    ours, theirs = written()
    for event in (ours, theirs):
        assert event["message_id"] == event["properties"].pop("decision_id")
    assert ours["name"] == theirs["name"] == "Recommendation Shown"
    assert ours["properties"] == theirs["properties"]
    assert ours["properties"]["items"] == ["sock", "scarf"]


def test_what_nobody_is_shown_counts_for_nobody(person: Person) -> None:
    shown(HOME, page_of())
    shown(EditedList(place="home", limit=2, mode="deferred"), page_of(person))
    assert written() == []


# -- on pages that caches keep ---------------------------------------------------------


@pytest.mark.parametrize("delivery", ["keyed", "deferred"])
def test_a_page_that_caches_keep_has_the_list_of_all_and_the_browser_may_fill_it(
    person: Person, delivery: str
) -> None:
    request = page_of(person)
    with override_settings(PERSONALIZATION_DELIVERY=delivery):
        html = shown(HOME, request)
    assert titles(html) == ["hat", "shoe"]
    assert headings(html) == ["Picked for you"]
    assert 'data-personalization-list="home" data-personalization-limit="2"' in html
    assert " hidden" not in html
    assert (visitor_of(request).asked, visitor_of(request).used) == (False, False)


def test_one_list_may_differ_from_how_the_site_delivers(person: Person) -> None:
    deferred = EditedList(place="home", limit=2, mode="deferred")
    assert titles(shown(deferred, page_of(person))) == ["hat", "shoe"]
    with override_settings(PERSONALIZATION_DELIVERY="deferred"):
        inline = EditedList(place="home", limit=2, mode="inline")
        assert titles(shown(inline, page_of(person))) == ["sock", "scarf"]


def test_a_place_that_only_the_browser_can_fill_hides_its_heading_until_then() -> None:
    html = shown(EditedList(place="home", limit=2, heading="Yours", mode="deferred"), page_of())
    assert re.search(
        r'<section class="pz-recommended"[^>]* data-personalization-around hidden>', html
    )
    assert '<div class="pz-list" ' in html


class Home:
    """What stands in a block: the list."""

    def render(self, context: Any) -> SafeString:
        return render_list(HOME, context.request, looks=False)


def test_inside_of_a_deferred_block_it_is_the_list_of_all(person: Person) -> None:
    make_segments("a")
    variants = [(candidate_of(["a"], number=0), Home())]
    page = Template("")
    page.nodelist.append(
        PersonalizedBlock("hero", NodeList([TextNode("-")]), variants, Options("deferred"))
    )
    request = page_of(person)
    html = page.render(RequestContext(request))
    assert titles(html) == ["hat", "shoe"]
    assert "data-personalization-list" in html
    assert not visitor_of(request).used
    assert written() == []


# -- for who makes the page ------------------------------------------------------------


@pytest.mark.parametrize("mode", ["", "inline", "keyed", "deferred"])
def test_who_makes_the_page_sees_what_is_popular_and_counts_for_nobody(
    person: Person, mode: str
) -> None:
    request = page_of(person)
    html = shown(EditedList(place="home", limit=2, heading="Yours", mode=mode), request, looks=True)
    assert titles(html) == ["hat", "shoe"]
    assert headings(html) == ["Yours"]
    assert "data-personalization" not in html, "the browser would put their own in, and report it"
    assert not visitor_of(request).used
    assert written() == []


def test_who_pretends_to_be_somebody_sees_their_list(person: Person) -> None:
    segment = make_segments("a")["a"]
    RecommendationRule.objects.create(
        name="scarves", segment=segment, action="pin", target="item", value="scarf"
    )
    request = page_of(person)
    visitor_of(request).pretend(Preview(segments=frozenset({"a"})))
    html = shown(EditedList(place="home", limit=2, mode="deferred"), request, looks=True)
    assert titles(html) == ["scarf", "hat"]
    assert "data-personalization" not in html
    assert written() == []


@pytest.mark.parametrize(("place", "limit"), [("", 2), (None, 2), ("home", None)])
def test_what_is_not_filled_in_yet_is_nothing_and_no_failure(
    person: Person, place: str | None, limit: int | None
) -> None:
    before = counted("slots.failed")
    assert shown(EditedList(place=place, limit=limit), page_of(person), looks=True) == ""
    assert counted("slots.failed") == before


# -- what goes wrong -------------------------------------------------------------------


@pytest.mark.parametrize(("place", "limit"), [("no place", 2), ("home", 0), ("home", MOST + 1)])
@override_settings(DEBUG=True)
def test_what_no_list_can_be_leaves_nothing_and_is_counted(
    person: Person, place: str, limit: int
) -> None:
    before, request = counted("slots.failed"), page_of(person)
    assert shown(EditedList(place=place, limit=limit, heading="Yours"), request) == ""
    assert counted("slots.failed") == before + 1
    assert re.search(r"ValueError: .* (needed|allowed)\.", visitor_of(request).failures[place])


@pytest.fixture
def of_the_site(tmp_path: Path) -> Iterator[Path]:
    """The templates of a site, which come before ours."""
    for folder in ("recommended", "recommendations"):
        (tmp_path / "personalization" / folder).mkdir(parents=True)
    engine = {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [str(tmp_path)],
        "APP_DIRS": True,
    }
    with override_settings(TEMPLATES=[engine]):
        yield tmp_path / "personalization"


def test_a_list_whose_template_fails_leaves_no_heading(person: Person, of_the_site: Path) -> None:
    (of_the_site / "recommendations/home.html").write_text("{% include 'nowhere.html' %}")
    assert shown(HOME, page_of(person)) == ""


def test_a_site_has_a_template_of_its_own_for_all_places_or_one(
    person: Person, of_the_site: Path
) -> None:
    (of_the_site / "recommended.html").write_text(
        "{{ heading }}: {% for one in items %}{{ one.item.key }} {% endfor %}"
    )
    (of_the_site / "recommended/cart.html").write_text("{{ items.place }}, {{ items|length }}")
    assert shown(HOME, page_of(person)) == "Picked for you: sock scarf "
    assert shown(EditedList(place="cart", limit=1), page_of(person)) == "cart, 1"


def test_all_lists_of_a_page_cost_the_reads_that_one_tag_costs(person: Person) -> None:
    def reads(*edited: EditedList) -> int:
        request = page_of(person)
        with CaptureQueriesContext(connection) as queries:
            assert all(shown(each, request) for each in edited)
        return len(queries)

    places = [EditedList(place=f"place-{n}", limit=2) for n in range(10)]
    reads(*places)  # what all share is read once, and kept
    request = page_of(person)
    with CaptureQueriesContext(connection) as tag:
        render_in(LIST, request)
    assert reads(*places) == reads(places[0]) == len(tag)
