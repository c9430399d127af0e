"""What would turn the answer for a visitor, and visitors made up for the rule."""

from __future__ import annotations

import pytest
from django.test import Client

from tests.admin.rules import did, group, in_segment, prop, rule, trait

pytestmark = pytest.mark.django_db

SHOES = rule(did("Product Added", 2, last="PT24H", where=group(prop("category", "=", "shoes"))))


# -- a visitor there is -------------------------------------------------------------------------


def test_a_trial_says_what_would_bring_a_visitor_in(owner, make_visitor, ask):
    visitor = make_visitor(("Product Added", 2, {"category": "shoes"}))
    answer = ask(owner, "trial", rule=SHOES, visitor=visitor.pk).json()
    assert answer["holds"] is False
    [change] = answer["changes"]
    assert change.startswith(
        "“added a product to the cart where category is shoes” once more before"
    )


def test_a_trial_says_what_would_take_a_visitor_out(owner, make_visitor, ask):
    visitor = make_visitor(("Product Added", 2))
    stays = rule(did("Product Added"), group(did("Order Completed"), negated=True))
    answer = ask(owner, "trial", rule=stays, visitor=visitor.pk).json()
    assert answer["holds"] is True
    assert answer["changes"] == ["“ordered” once more"]


def test_a_trial_knows_when_nothing_helps(owner, make_visitor, ask):
    never = rule(trait("plan", "=", "pro"), trait("plan", "=", "free"))
    answer = ask(owner, "trial", rule=never, visitor=make_visitor().pk).json()
    assert answer["changes"] == []


# -- one made up --------------------------------------------------------------------------------


def test_a_visitor_is_made_up_who_enters_and_leaves(owner, ask):
    answer = ask(owner, "witnesses", rule=SHOES).json()
    enters, leaves = answer["parts"]
    assert (enters["mark"], leaves["mark"]) == ("in", "out")
    assert enters["steps"][0].startswith("added a product to the cart twice (category is shoes)")
    assert leaves["steps"][0].startswith("nothing more until")
    assert answer["reason"] == ""


def test_segments_are_looked_into(owner, make_segment, ask):
    make_segment("shoe-lovers", SHOES)
    answer = ask(owner, "witnesses", rule=rule(in_segment("shoe-lovers"))).json()
    assert "added a product to the cart" in answer["parts"][0]["steps"][0]


def test_what_nobody_can_match_is_said(owner, ask):
    never = rule(trait("plan", "=", "pro"), trait("plan", "=", "free"))
    answer = ask(owner, "witnesses", rule=never).json()
    assert answer["parts"] == []
    assert "contradict" in answer["reason"]


def test_what_everybody_matches_is_said(owner, ask):
    always = rule(did("Engaged", 0))
    answer = ask(owner, "witnesses", rule=always).json()
    assert [part["mark"] for part in answer["parts"]] == ["in"]
    assert "everybody" in answer["reason"]


def test_a_broken_rule_has_no_visitors(owner, ask):
    response = ask(owner, "witnesses", rule=rule(trait("age", "=", "old")))
    assert response.status_code == 422
    assert "Repair" in response.json()["message"]


def test_visitors_are_made_up_for_those_who_see_segments(sign_in, ask):
    assert ask(sign_in("change_segment"), "witnesses", rule=SHOES).status_code == 200
    assert ask(sign_in("view_profile"), "witnesses", rule=SHOES).status_code == 403
    assert ask(Client(), "witnesses", rule=SHOES).status_code == 302
