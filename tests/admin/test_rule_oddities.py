"""What is valid and yet odd about a rule as edited, at its line."""

from __future__ import annotations

import pytest

from tests.admin.rules import CART, did, group, rule, trait

pytestmark = pytest.mark.django_db


def test_the_preview_says_what_is_odd_and_where(owner, ask):
    never = rule(did("Engaged"), group(trait("plan", "=", "pro"), trait("plan", "=", "free")))
    answer = ask(owner, "preview", rule=never).json()
    assert answer["problems"] == []
    assert [each["line"] for each in answer["oddities"]] == ["2.2"]
    assert "nobody can be in it" in answer["oddities"][0]["message"]
    assert ask(owner, "preview", rule=CART).json()["oddities"] == []


def test_a_rule_with_problems_is_not_looked_at_any_further(owner, ask):
    broken = rule(trait("plan", "=", "pro"), trait("plan", "=", "free"), trait("age", "=", "old"))
    answer = ask(owner, "preview", rule=broken).json()
    assert answer["problems"]
    assert "oddities" not in answer
