"""The page on which visitors see what is held of them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from personalization.segments.manual import add_members_until
from personalization.segments.models import Segment, Webhook
from personalization.segments.rebuild import rebuild_profiles
from personalization.segments.refresh import refresh_segments
from tests.rights.conftest import Person
from tests.rules.building import happened, rule

pytestmark = pytest.mark.django_db

BOOTS = {"name": "Walnut boots", "price": 129.5}


def opened(client: Client, query: str = "") -> str:
    response = client.get(f"/p/privacy/{query}")
    assert response.status_code == 200
    return response.content.decode()


def test_a_browser_that_shows_no_id_is_told_so_and_gets_no_cookie(client: Client) -> None:
    page = client.get("/p/privacy/")
    assert "Nothing is known of this browser" in page.content.decode()
    assert not page.cookies
    assert "<form" not in page.content.decode()


def test_it_shows_what_was_done_here(make_person: Callable[..., Person]) -> None:
    page = opened(make_person(("Product Viewed", 2, BOOTS)).client)
    assert "Product Viewed" in page
    assert "name: Walnut boots, price: 129.5" in page


def test_it_shows_traits_with_a_field_for_each(make_person: Callable[..., Person]) -> None:
    traits = {"city": "Kraków", "age": 36, "newsletter": True, "address": {"zip": "1"}}
    page = opened(make_person(traits=traits).client)
    assert 'name="value" value="Kraków"' in page
    assert 'value="36" autocomplete="off" inputmode="decimal"' in page
    assert '<option value="yes" selected>' in page
    assert "Take away address" in page
    assert "Correct address" not in page


def test_it_says_why_somebody_is_in_a_group(
    make_person: Callable[..., Person], make_segment: Callable[..., Segment]
) -> None:
    make_segment("viewers", rule(happened("Product Viewed", ">=", 2)), name="Keen viewers")
    make_segment("buyers", rule(happened("Order Completed")), name="Great buyers")
    person = make_person(("Product Viewed", 2), ("Product Viewed", 1))
    refresh_segments(now=timezone.now())
    rebuild_profiles([person.profile.pk], now=timezone.now())
    page = opened(person.client)
    assert "Keen viewers" in page
    assert "Visitors who viewed a product at least twice" in page
    assert "Great buyers" not in page


def test_it_says_that_somebody_was_put_into_a_group_by_hand(
    make_person: Callable[..., Person], make_segment: Callable[..., Segment]
) -> None:
    person, now = make_person(), timezone.now()
    end = now + timedelta(days=30)
    add_members_until(make_segment("regulars"), {person.profile.pk: end}, now=now)
    page = opened(person.client)
    assert "Somebody of us put you into it by hand." in page
    assert f"until {end:%-d %b %Y}" in page


def test_it_keeps_groups_of_the_app_itself_to_itself(
    make_person: Callable[..., Person], make_segment: Callable[..., Segment]
) -> None:
    person = make_person()
    inner = make_segment("capped", name="Saw it often", internal=True)
    add_members_until(inner, {person.profile.pk: None}, now=timezone.now())
    assert "Saw it often" not in opened(person.client)


def test_it_shows_what_was_chosen_and_not_among_what_was_done(
    make_person: Callable[..., Person],
) -> None:
    shown = {"slot": "hero", "variation": "boots", "decision_id": "the-decision"}
    page = opened(make_person(("Slot Shown", 1, shown)).client)
    assert "What was chosen for you last" in page
    assert "slot: hero, variation: boots" in page
    assert "the-decision" not in page
    assert page.count("Slot Shown") == 1


def test_it_shows_what_was_recommended_by_its_items(make_person: Callable[..., Person]) -> None:
    shown = {"place": "home", "items": ["boots", "socks"], "model": "recommend 7"}
    page = opened(make_person(("Recommendation Shown", 1, shown)).client)
    assert "place: home, items: boots, socks" in page
    assert "recommend 7" not in page
    assert page.count("Recommendation Shown") == 1


def test_it_says_in_which_arms_of_experiments_somebody_is_and_who_is_held_out(
    make_person: Callable[..., Person],
) -> None:
    arms = {"which": {"arm": "new", "probability": 0.5, "context": {"visits.count": 31}}}
    held = {"global": {"arm": "held_out", "probability": 0.02}, "odd": 5, "odder": {"arm": [1]}}
    person = make_person(
        ("Slot Shown", 1, {"slot": "hero", "variation": "boots", "assigned": arms}),
        ("Slot Shown", 2, {"slot": "strip", "reason": "held_out", "assigned": held}),
        ("Slot Shown", 3, {"slot": "odd", "assigned": ["which"]}),
    )
    page = opened(person.client)
    assert "slot: hero, variation: boots, compared: which = new" in page
    assert "slot: strip, compared: global = held_out" in page
    assert "visits.count" not in page  # the file to take along has it


def test_it_shows_what_was_answered_and_how(make_person: Callable[..., Person]) -> None:
    page = opened(make_person().client)
    assert page.count('<b class="pz-mark pz-yes">yes</b>') == 2
    assert page.count('<b class="pz-mark pz-no">no</b>') == 1
    assert "policy 1, banner" in page
    unasked = opened(make_person(agreed=False).client)
    assert unasked.count("not answered") == 3


def test_it_names_who_else_is_told_for_what_was_agreed_to(
    make_person: Callable[..., Person], make_segment: Callable[..., Segment]
) -> None:
    person = make_person()
    add_members_until(make_segment("regulars"), {person.profile.pk: None}, now=timezone.now())
    rebuild_profiles([person.profile.pk], now=timezone.now())
    to = {"url": "https://letters.example/", "secret": "s"}
    Webhook.objects.create(name="Letter service", **to)
    Webhook.objects.create(name="Advertisers", purpose="marketing", **to)
    Webhook.objects.create(name="Switched off", active=False, **to)
    Webhook.objects.create(name="Of others", segment=make_segment("others"), **to)
    page = opened(person.client)
    assert "Letter service" in page
    for other in ("Advertisers", "Switched off", "Of others"):
        assert other not in page


def test_it_says_what_for_and_how_long_each_thing_is_kept(
    make_person: Callable[..., Person], settings: Any
) -> None:
    settings.PERSONALIZATION_RETENTION_OF = {"visits": timedelta(days=41)}
    page = opened(make_person().client)
    assert "41 days" in page
    assert "to count and to personalize, as you agreed" in page


def test_one_browser_of_a_person_shows_what_was_done_with_it_alone(
    make_person: Callable[..., Person],
) -> None:
    person = make_person(("Product Viewed", 1), account="ada", traits={"city": "Kraków"})
    page = opened(person.client, "?of=device")
    assert "Product Viewed" in page
    assert "It belongs to more than this browser" in page
    assert 'value="Kraków"' not in page


def test_what_belongs_to_an_account_is_asked_for_first(make_person: Callable[..., Person]) -> None:
    person = make_person(account="ada", traits={"city": "Kraków"})
    page = opened(person.client, "?of=person")
    assert "First, is it you?" in page
    assert "Kraków" not in page
    person.confirm()
    assert 'value="Kraków"' in opened(person.client, "?of=person")


def test_who_is_logged_in_on_a_new_browser_is_asked_about_the_account(
    make_person: Callable[..., Person],
) -> None:
    person = make_person(account="ada")
    del person.client.cookies["pz_id"]
    assert "First, is it you?" in opened(person.client)


def test_a_person_of_whom_nothing_is_kept_sees_an_empty_page(
    make_person: Callable[..., Person],
) -> None:
    person = make_person(account="ada")
    person.profile.delete()
    person.confirm()
    assert "We hold nothing that says who you are." in opened(person.client, "?of=person")


@pytest.mark.parametrize("query", ["?of=everybody", "?of=%00", "?of=device%0d%0aX: 1"])
def test_a_strange_question_is_refused_with_what_is_allowed(client: Client, query: str) -> None:
    response = client.get(f"/p/privacy/{query}")
    assert response.status_code == 400
    assert "Allowed: person, device" in response.content.decode()


def test_nobody_keeps_the_page_and_no_frame_shows_it(make_person: Callable[..., Person]) -> None:
    response = make_person().client.get("/p/privacy/")
    assert "no-store" in response.headers["Cache-Control"]
    assert "private" in response.headers["Cache-Control"]
    assert "Cookie" in response.headers["Vary"]
    assert response.headers["X-Frame-Options"] == "DENY"
    assert response.headers["Referrer-Policy"] == "same-origin"


def test_a_trait_cannot_write_into_the_page(make_person: Callable[..., Person]) -> None:
    evil = '"><script>alert(1)</script>{{ 7|add:7 }}'
    page = opened(make_person((evil, 1, {evil: evil}), traits={evil: evil}).client)
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "{{ 7|add:7 }}" in page


def test_a_login_page_is_linked_where_there_is_one(client: Client, settings: Any) -> None:
    assert "Do you have an account?" not in opened(client)
    settings.LOGIN_URL = "admin:login"
    assert 'href="/admin/login/?next=%2Fp%2Fprivacy"' in opened(client)
    settings.LOGIN_URL = "no-such-page"
    assert "Do you have an account?" not in opened(client)


def test_however_much_there_is_the_page_asks_as_often(
    make_person: Callable[..., Person], django_assert_max_num_queries: Any
) -> None:
    person = make_person(*(("Product Viewed", n + 1, BOOTS) for n in range(60)))
    with django_assert_max_num_queries(45):
        page = opened(person.client)
    assert page.count("Walnut boots") == 20
    assert "The file that you can take with you has all of it." in page
