"""Suggestions for values: what visitors really have, the most frequent first."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from personalization.admin import rule_values
from personalization.admin.rule_values import frequent

pytestmark = pytest.mark.django_db

ADDRESS = "admin:personalization_segment_values"


@pytest.fixture
def shop(make_profile, make_visitor):
    for plan in ("free", "free", "pro", 7, True, "x" * 200):
        make_profile(traits={"plan": plan, "address": {"city": "Bern"}})
    make_visitor(
        ("Product Added", 2, {"category": "shoes", "price": 80}),
        ("Product Added", 3, {"category": "shoes", "price": 80.0}),
        ("Product Added", 4, {"category": "bags"}),
        ("Product Viewed", 5, {"category": "hats"}),
    )


def suggested(client: Client, **query: str) -> list[tuple[object, str]]:
    response = client.get(reverse(ADDRESS), query)
    assert response.status_code == 200
    return [(each["value"], each["words"]) for each in response.json()["values"]]


def test_values_of_a_trait_come_with_how_many_have_them(owner, shop):
    found = suggested(owner, kind="trait", field="plan")
    assert found == [("free", "2 visitors"), (7, "1 visitor"), ("pro", "1 visitor")]
    assert suggested(owner, kind="trait", field="address.city") == [("Bern", "6 visitors")]


def test_values_of_a_property_are_those_of_its_event(owner, shop):
    found = suggested(owner, kind="prop", event="Product Added", field="category")
    assert found == [("shoes", "2 times"), ("bags", "1 time")]
    assert suggested(owner, kind="prop", event="Product Added", field="price") == [(80, "2 times")]
    everywhere = suggested(owner, kind="prop", event="*", field="category")
    assert [value for value, _words in everywhere] == ["shoes", "bags", "hats"]
    assert suggested(owner, kind="prop", event="Never Heard Of", field="category") == []


def test_values_of_requests_are_those_that_events_came_with(owner, make_visitor):
    events = make_visitor(("Page Viewed", 1), ("Page Viewed", 2)).identities.get().events
    page, campaign = {"path": "/sale/", "referrer": "https://a.example/"}, {"name": "spring"}
    events.update(context={"page": page, "campaign": campaign})
    assert suggested(owner, kind="context", field="path") == [("/sale/", "2 times")]
    assert suggested(owner, kind="context", field="utm.campaign") == [("spring", "2 times")]
    assert suggested(owner, kind="context", field="language") == []


def test_no_more_is_looked_at_and_offered_than_is_of_use(owner, shop, monkeypatch):
    monkeypatch.setattr(rule_values, "LOOKED_AT", 2)
    newest = suggested(owner, kind="prop", event="Product Added", field="category")
    assert newest == [("shoes", "2 times")]
    monkeypatch.setattr(rule_values, "OFFERED", 1)
    assert len(suggested(owner, kind="prop", event="*", field="category")) == 1


def test_only_short_texts_and_numbers_are_suggestions():
    objects = [{"a": value} for value in ("", "x" * 101, None, True, False, [1], {"b": 1}, "ok", 2)]
    assert frequent(objects, path=("a",)) == [(2, 1), ("ok", 1)]
    assert frequent([{"a": "deep"}, {}, {"a": {"b": "x"}}], path=("a", "b")) == [("x", 1)]


@pytest.mark.parametrize(
    "query", [{}, {"kind": "trait"}, {"kind": "feature", "field": "x"}, {"kind": "prop", "field": "x" * 501}]
)  # fmt: skip
def test_what_has_no_values_is_refused_with_a_message(owner, query):
    response = owner.get(reverse(ADDRESS), query)
    assert response.status_code == 400
    assert response.json()["message"]


def test_values_are_for_those_who_may_see_who_the_visitors_are(sign_in):
    query = {"kind": "trait", "field": "plan"}
    for permissions, status in {
        ("change_segment", "view_profile"): 200,
        ("change_segment",): 403,
        ("view_profile",): 403,
        (): 403,
    }.items():
        assert sign_in(*permissions).get(reverse(ADDRESS), query).status_code == status
    assert Client().get(reverse(ADDRESS), query).status_code == 302
    assert sign_in("change_segment", "view_profile").post(reverse(ADDRESS)).status_code == 405
