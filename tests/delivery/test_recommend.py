"""What is recommended in a page, to whom, and what it costs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.db import connection
from django.template import TemplateSyntaxError
from django.test import RequestFactory, override_settings
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from personalization.delivery import list_rules
from personalization.delivery.recommendation_rules import RecommendationRule
from personalization.ml.models import Item
from personalization.ml.serving import loaded, popular_now, shelf
from personalization.shortcuts import recommend
from tests.calm import CALM
from tests.delivery.people import Person, make_person, make_segments
from tests.delivery.recommending import look_at, make_crowd, make_items
from tests.delivery.rendering import counted, render, render_in, request_of
from tests.ml.serving.stored import serve_what_follows

# Not in a transaction: there a read is guarded by a savepoint.
pytestmark = pytest.mark.django_db(transaction=True)

LIST = (
    '{% recommend "home" limit=3 as items %}{% for one in items %}{{ one.item.key }} {% endfor %}'
)


@pytest.fixture(autouse=True)
def _calm() -> Iterator[None]:
    with override_settings(PERSONALIZATION_RECOMMENDATIONS=CALM):
        yield


@pytest.fixture
def shop() -> None:
    make_items("hat", "shoe", "sock", "scarf", "belt")
    make_crowd(["hat", "shoe", "sock", "scarf", "belt"])


@pytest.fixture
def person(shop: None) -> Person:
    """Somebody who looked at shoes, where socks and belts follow from shoes by the model."""
    serve_what_follows({"shoe": ["sock", "belt"], "hat": ["scarf"]})
    person = make_person()
    look_at(person, "hat", "shoe")
    return person


def forget() -> None:
    for served in (loaded, popular_now, shelf, list_rules):
        served.forget()


@contextmanager
def queries(n: int) -> Iterator[None]:
    with CaptureQueriesContext(connection) as captured:
        yield
    assert [query["sql"] for query in captured][n:] == []
    assert len(captured) == n


def test_an_empty_site_recommends_nothing() -> None:
    assert render(LIST) == ""
    assert render(LIST, make_person()) == ""
    assert len(recommend(request_of(make_person()), "home")) == 0


def test_a_request_that_did_not_go_through_the_middleware_gets_what_everybody_gets(
    shop: None,
) -> None:
    assert render_in(LIST, RequestFactory().get("/")) == "hat shoe sock "
    assert render_in(LIST, None) == "hat shoe sock "


def test_a_visitor_we_know_gets_what_follows_from_what_they_did(person: Person) -> None:
    assert render(LIST, person) == "sock belt scarf "


def test_everybody_else_gets_what_is_popular(person: Person) -> None:
    assert render(LIST) == "hat shoe sock "
    assert render(LIST, make_person()) == "hat shoe sock "


def test_who_did_not_agree_gets_what_is_popular(person: Person) -> None:
    person.agree_to("analytics")
    assert render(LIST, person) == "hat shoe sock "


def test_who_objects_by_their_browser_gets_what_is_popular(person: Person) -> None:
    request = request_of(person)
    request.COOKIES["pz_consent"] = ""
    request.META["HTTP_SEC_GPC"] = "1"
    assert render_in(LIST, request) == "hat shoe sock "


def test_a_program_gets_what_is_popular(person: Person) -> None:
    request = request_of(person)
    request.META["HTTP_USER_AGENT"] = "Mozilla/5.0 (compatible; Googlebot/2.1)"
    assert render_in(LIST, request) == "hat shoe sock "


@override_settings(PERSONALIZATION_PAUSE_SEGMENT="odd")
def test_who_is_paused_gets_what_is_popular(person: Person) -> None:
    make_segments("odd")
    person.enter("odd")
    assert render(LIST, person) == "hat shoe sock "


def test_what_is_done_now_counts_on_the_next_page(person: Person) -> None:
    before = render(LIST, person)
    look_at(person, "hat", minutes=0)
    after = render(LIST, person)
    assert before != after
    assert after.startswith("scarf")


def test_reasons_and_links_are_there_for_templates(person: Person) -> None:
    Item.objects.filter(key="sock").update(url="/socks/", price="4.50", updated_at=timezone.now())
    forget()
    shown = render(
        '{% recommend "home" limit=1 as items %}{% for one in items %}{{ one.item }}: '
        "{{ one.item.url }}, {{ one.item.price }}, {{ one.reason }}, {{ one.position }}"
        "{% endfor %}{{ items|length }}",
        person,
    )
    assert shown == "The sock: /socks/, 4.50, Because you looked at The shoe, 11"


def test_what_the_page_is_about_leads_for_everybody(person: Person) -> None:
    about = LIST.replace("limit=3", 'limit=2 item="shoe"')
    assert render(about) == "sock belt "


@pytest.mark.parametrize("lists", [1, 20])
def test_a_known_visitor_costs_one_read_more_than_slots_do(person: Person, lists: int) -> None:
    page = "".join(LIST.replace("home", f"place-{n}") for n in range(lists))
    warm = render(page, person)
    with queries(2):
        assert render(page, person) == warm


def test_whoever_gets_no_history_costs_no_more_than_slots_do(person: Person) -> None:
    render(LIST, person)
    with queries(0):
        render(LIST)
    person.agree_to("analytics")
    with queries(1):
        render(LIST, person)


def test_rules_are_for_their_place_and_their_segment(shop: None) -> None:
    segments = make_segments("loyal")
    rule = {"action": "exclude", "target": "item"}
    RecommendationRule.objects.create(name="a", value="hat", segment=segments["loyal"], **rule)
    RecommendationRule.objects.create(name="b", value="shoe", place="home", **rule)
    RecommendationRule.objects.create(name="c", value="sock", is_active=False, **rule)
    loyal = make_person("loyal")
    elsewhere = LIST.replace("home", "cart")
    assert render(LIST, loyal) == "sock scarf belt "
    assert render(LIST) == "hat sock scarf "
    assert render(elsewhere, loyal) == "shoe sock scarf "
    assert render(elsewhere) == "hat shoe sock "


def test_a_changed_rule_and_a_new_version_are_seen_within_seconds(person: Person) -> None:
    assert render(LIST, person) == "sock belt scarf "
    rule = RecommendationRule(action="exclude", target="item", value="belt")
    rule.save()
    serve_what_follows({"shoe": ["hat", "belt", "scarf"]}, number=2)
    assert render(LIST, person, now=timezone.now() + timedelta(seconds=6)) == "scarf sock "


def test_a_page_survives_whatever_fails(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: object, **kwargs: object) -> None:
        raise RuntimeError("no")

    monkeypatch.setattr("personalization.delivery.visitor.history_of_profile", broken)
    before = counted("slots.failed")
    assert render(LIST, person) == "hat shoe sock "
    monkeypatch.setattr("personalization.delivery.recommendations.recommended", broken)
    assert render(LIST, person) == ""
    assert counted("slots.failed") == before + 3


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ('"no place"', "no place"),
        ('"home" limit=0', "0"),
        ('"home" limit="many"', "many"),
        ('"home" limit=51', "1 to 50"),
        ('"home" mode="late"', "late"),
    ],
)
def test_what_cannot_be_is_refused_by_its_name(shop: None, words: str, said: str) -> None:
    with pytest.raises(TemplateSyntaxError, match=said):
        render(f"{{% recommend {words} as items %}}")


def test_the_code_of_a_site_is_told_too(shop: None) -> None:
    request = request_of(None)
    assert [one.item.key for one in recommend(request, "home", limit=2)] == ["hat", "shoe"]
    with pytest.raises(ValueError, match="inline, keyed, deferred"):
        recommend(request, "home", mode="late")


def test_in_a_fragment_that_is_kept_for_everybody_it_is_refused(shop: None) -> None:
    inside = "{% load cache %}{% cache 60 name %}" + LIST + "{% endcache %}"
    with pytest.raises(TemplateSyntaxError, match="cannot stand inside"):
        render(inside)
    for_all = inside.replace("limit=3", 'limit=3 mode="deferred"')
    assert render(for_all) == "hat shoe sock "


def test_the_same_visitor_sees_the_same_explored_list_all_day(person: Person) -> None:
    make_items(*(f"more-{n}" for n in range(30)))
    with override_settings(PERSONALIZATION_RECOMMENDATIONS={"home": {"explore": 0.5}}):
        noon = timezone.now().replace(hour=12)
        longer = LIST.replace("limit=3", "limit=20")
        shown = {render(longer, person, now=noon + timedelta(minutes=n)) for n in range(3)}
        assert len(shown) == 1
