"""What the panel on a page asks: why its visitor is in a segment, and what fills a slot."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from personalization.clock import microseconds
from personalization.delivery.models import Slot
from personalization.profiles.visitor import new_visitor_id, signed
from tests.admin.rules import CART, did, rule
from tests.delivery.people import make_variation
from tests.delivery.staff import give, make_staff, staff_client, ticket_for

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.delivery.staff_site")]

WHY = reverse("admin:personalization_slot_why", urlconf="tests.delivery.staff_site")
INSPECT = reverse("admin:personalization_slot_inspect", urlconf="tests.delivery.staff_site")


def ask(client: Client, address: str = WHY, **body: Any) -> Any:
    return client.post(address, json.dumps(body), content_type="application/json")


def looking(**fields: Any) -> Client:
    client, user = staff_client()
    return give(client, ticket_for(user, **fields))


def texts(reasons: Any) -> list[tuple[str, bool, str]]:
    found = []
    for each in reasons:
        found += [(each["text"], each["holds"], each["actual"]), *texts(each["reasons"])]
    return found


def test_a_profile_is_explained_by_what_it_did(make_segment, make_visitor):
    make_segment("cart", CART)
    profile = make_visitor(("Product Added", 2))
    answer = ask(looking(kind="profile", profile=profile.pk), segment="cart").json()
    assert answer["holds"]
    assert "added a product to the cart" in answer["sentence"]
    assert ("added a product to the cart in the last 24 hours", True) in [
        each[:2] for each in texts(answer["reasons"])
    ]
    assert "2 hours ago" in json.dumps(answer["reasons"])
    assert answer["when"].startswith("Leaves on ")
    assert "“ordered” once more" in answer["changes"]


def test_a_profile_is_explained_as_it_was_on_the_date(make_segment, make_visitor):
    make_segment("cart", CART)
    profile = make_visitor(("Product Added", 50), ("Order Completed", 2))
    at = microseconds(timezone.now() - timedelta(hours=40))
    then = ask(looking(kind="profile", profile=profile.pk, at=at), segment="cart").json()
    now = ask(looking(kind="profile", profile=profile.pk), segment="cart").json()
    assert (then["holds"], now["holds"]) == (True, False)
    assert "10 hours ago" in json.dumps(then["reasons"])


def test_somebody_made_up_is_explained_by_what_was_made_up(make_segment):
    cart = make_segment("cart", CART)
    buyers = make_segment("buyers", rule(did("Order Completed")))
    client = looking(kind="visitor", segments=(cart.pk,))
    assert ask(client, segment="cart").json()["holds"]
    answer = ask(client, segment=buyers.slug).json()
    assert not answer["holds"]
    assert answer["changes"] == ["“ordered” once more"]


def test_staff_are_explained_to_themselves(make_segment, make_visitor):
    make_segment("cart", CART)
    visitor_id = new_visitor_id()
    make_visitor(("Product Added", 2), identity=visitor_id)
    client = looking(kind="self")
    assert ask(client, segment="cart").json()["message"] == "Nothing is known of this visitor."
    client.cookies["pz_id"] = signed(visitor_id)
    assert ask(client, segment="cart").json()["holds"]


def test_of_chosen_segments_it_says_that_they_were_chosen(make_segment):
    make_segment("cart", CART)
    answer = ask(looking(), segment="cart").json()
    assert "was chosen when the preview began" in answer["message"]
    assert "added a product" in answer["sentence"]
    assert "holds" not in answer


def test_the_request_of_the_page_counts(make_segment, make_visitor):
    leaf = {"kind": "context", "field": "utm.source", "operator": "=", "value": "mail"}
    make_segment("mail", rule(leaf))
    profile = make_visitor(("Product Added", 2))
    client = looking(kind="profile", profile=profile.pk)
    assert ask(client, segment="mail", context={"utm.source": "mail"}).json()["holds"]
    assert not ask(client, segment="mail", context={"utm.source": "ad"}).json()["holds"]
    assert not ask(client, segment="mail", context="nonsense").json()["holds"]


def test_segments_that_no_rule_decides(make_segment):
    make_segment("hand")
    make_segment("broken", {"version": 99})
    client = looking()
    assert ask(client, segment="hand").json()["message"] == "Its members are kept by hand."
    message = ask(client, segment="broken").json()["message"]
    assert message.startswith("Its rule cannot be used: ")


@pytest.mark.parametrize(
    "body", [{}, {"segment": "typo"}, {"segment": ["cart"]}, {"segment": None}]
)
def test_a_segment_that_is_not_there_is_named(body):
    answer = ask(looking(), **body)
    assert answer.status_code == 404
    assert answer.json()["message"].startswith("There is no active segment “")


@pytest.mark.parametrize("text", ["", "{", "[1]", '"x"', "null"])
def test_what_is_no_question_is_answered_all_the_same(text):
    client = looking()
    assert client.post(WHY, text, content_type="application/json").status_code == 404
    assert client.post(INSPECT, text, content_type="application/json").json() == {"slots": []}


def test_internal_segments_are_explained_to_nobody(make_segment):
    make_segment("cap:slot:hero", CART, internal=True)
    assert ask(looking(), segment="cap:slot:hero").status_code == 404


def test_who_may_not_is_refused():
    client, user = staff_client(make_staff("preview"))
    give(client, ticket_for(user))
    assert ask(client, segment="x").status_code == 403
    client, _ = staff_client(make_staff("view_segment"))
    assert ask(client, INSPECT, slots=[]).status_code == 403
    assert ask(Client(), segment="x").status_code == 302
    assert client.get(WHY).status_code == client.get(INSPECT).status_code == 405


def test_a_request_without_a_token_is_refused():
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = looking().cookies
    assert ask(strict, segment="x").status_code == 403


# -- slots that the browser fills -----------------------------------------------------------


PLACEHOLDER = {
    "slot": "hero",
    "candidates": [{"key": "template:0:cart", "segments": ["cart"]}],
}


def test_a_slot_that_the_browser_fills_is_decided_as_the_browser_asks(make_segment):
    cart = make_segment("cart")
    make_variation("cart", "from the admin")
    Slot.objects.update(trigger="scroll_depth", trigger_value=50)
    (slot,) = ask(looking(segments=(cart.pk,)), INSPECT, slots=[PLACEHOLDER]).json()["slots"]
    assert slot["shown"] == ["from the admin"]
    assert [one["name"] for one in slot["candidates"]] == [
        "from the admin",
        "of the template, for Cart",
    ]
    assert slot["mode"] == "By the browser, after the page"
    assert slot["warnings"] == []


def test_of_nobody_the_default_is_told():
    (slot,) = ask(looking(kind="self"), INSPECT, slots=[PLACEHOLDER]).json()["slots"]
    assert slot["shown"] == []
    assert "no visitor cookie" in slot["reason"]


@pytest.mark.parametrize(
    "slots",
    [None, 7, "hero", {}, [7], [None], [{}], [{"slot": 7}], [{"slot": "hero", "candidates": 7}],
     [{"slot": "hero", "candidates": [7, {}, {"key": 7}]}],
     [{"slot": "hero", "candidates": [{"key": "k", "segments": [7, None]}]}]],
)  # fmt: skip
def test_slots_of_another_shape_are_left_out(slots):
    answer = ask(looking(), INSPECT, slots=slots)
    assert answer.status_code == 200
    assert all(slot["slot"] == "hero" for slot in answer.json()["slots"])


def test_without_a_preview_there_is_nothing_to_tell():
    client, _ = staff_client()
    assert ask(client, INSPECT, slots=[PLACEHOLDER]).json() == {"slots": []}


def test_many_slots_are_answered_with_as_many_queries(make_segment, django_assert_max_num_queries):
    cart = make_segment("cart")
    client = looking(segments=(cart.pk,))
    ask(client, INSPECT, slots=[PLACEHOLDER])
    slots = [{**PLACEHOLDER, "slot": f"s{n}"} for n in range(60)]
    with django_assert_max_num_queries(10):
        assert len(ask(client, INSPECT, slots=slots).json()["slots"]) == 60
