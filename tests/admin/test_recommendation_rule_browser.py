"""The form of a rule for recommendations as somebody fills it in, in a real browser."""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import reverse

from personalization.delivery.recommendation_rules import RecommendationRule
from tests.admin.browsing import browser, edit
from tests.delivery.recommending import make_items

__all__ = ["browser", "edit"]

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.django_db(transaction=True),
]


@pytest.fixture
def page(edit: Any) -> Any:
    make_items("hat", category="clothes", kind="product", tags=["warm"])
    editor = edit()
    editor.page.goto(editor.url + reverse("admin:personalization_recommendationrule_add"))
    return editor.page


def test_only_what_the_action_uses_is_asked_for(page: Any) -> None:
    used = {"": (False, False)}
    for action in RecommendationRule.Action.values:
        page.get_by_label("Action").select_option(action)
        used[action] = (
            page.get_by_label("Factor").is_visible(), page.get_by_label("Position").is_visible(),
        )  # fmt: skip
    assert used == {
        "": (False, False), "boost": (True, False), "bury": (True, False),
        "exclude": (False, False), "pin": (False, True),
    }  # fmt: skip


def test_suggestions_are_those_of_the_target(page: Any) -> None:
    offered = {}
    for target in RecommendationRule.Target.values:
        page.get_by_label("Which items").select_option(target)
        name = page.get_by_label("Value").get_attribute("list")
        options = page.locator(f"#{name} option")
        offered[target] = [option.get_attribute("value") for option in options.all()]
    assert offered == {
        "item": ["hat"], "kind": ["product"], "category": ["clothes"], "tag": ["warm"], "price": [],
    }  # fmt: skip
    assert page.get_by_label("Value").get_attribute("placeholder") == "10–50"


def test_what_is_wrong_is_seen_though_the_action_does_not_use_it(page: Any) -> None:
    page.get_by_label("Name").fill("Ours")
    page.get_by_label("Action").select_option("boost")
    page.get_by_label("Which items").select_option("item")
    page.get_by_label("Value").fill("hat")
    page.get_by_label("Factor").fill("1000")
    page.get_by_label("Action").select_option("pin")
    page.get_by_role("button", name="Save", exact=True).click()
    page.wait_for_selector(".errorlist")
    assert page.get_by_label("Factor").is_visible()
    page.get_by_label("Factor").fill("2")
    page.get_by_role("button", name="Save", exact=True).click()
    page.wait_for_selector(".messagelist .success")
    assert RecommendationRule.objects.get().action == "pin"
