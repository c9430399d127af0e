"""Rules for recommendations, as a site owner writes them."""

from __future__ import annotations

import html
from typing import Any

import pytest
from django.urls import reverse

from personalization.delivery.recommendation_rules import RecommendationRule
from personalization.events.models import Event
from personalization.privacy.models import AuditEntry
from personalization.segments.models import Segment
from tests.delivery.people import make_person, make_segments
from tests.delivery.recommending import look_at, make_crowd, make_items
from tests.delivery.rendering import render

pytestmark = pytest.mark.django_db

ADD = reverse("admin:personalization_recommendationrule_add")
LIST = reverse("admin:personalization_recommendationrule_changelist")
PAGE = (
    '{% recommend "home" limit=3 as items %}{% for one in items %}{{ one.item.key }} {% endfor %}'
)


@pytest.fixture(autouse=True)
def _shop() -> None:
    make_items("hat", "shoe", "sock", "scarf", category="clothes")
    make_items("<b>odd</b>", category="odd")
    make_crowd(["hat", "shoe", "sock", "scarf"])


def text_of(response: Any) -> str:
    assert response.status_code == 200
    return html.unescape(response.content.decode())


def write(client: Any, **said: Any) -> Any:
    given = {
        "name": "Ours", "place": "", "segment": "", "action": "exclude", "target": "item",
        "value": "hat", "factor": "2", "position": "1", "is_active": "on", **said,
    }  # fmt: skip
    return client.post(ADD, given)


def change_of(rule: RecommendationRule) -> str:
    return reverse("admin:personalization_recommendationrule_change", args=[rule.pk])


def test_a_rule_holds_with_the_next_page(owner):
    assert render(PAGE) == "hat shoe sock "
    assert write(owner).status_code == 302
    assert render(PAGE) == "shoe sock scarf "
    rule = RecommendationRule.objects.get()
    owner.post(change_of(rule).replace("change", "delete"), {"post": "yes"})
    assert render(PAGE) == "hat shoe sock "


def test_its_page_shows_the_list_without_and_with_it(owner):
    write(owner, action="pin", value="scarf", position="2")
    rule = RecommendationRule.objects.get()
    response = owner.get(change_of(rule))
    text = text_of(response)
    assert "1 active item fits it" in text
    cells = '<tr><th scope="row">2</th><td>The shoe</td><td><strong>The scarf</strong></td></tr>'
    assert cells in text


def test_a_rule_that_is_not_active_is_shown_as_if_it_were(owner):
    write(owner, is_active="")
    rule = RecommendationRule.objects.get()
    assert not rule.is_active
    assert "<td>The hat</td><td><strong>The shoe</strong>" in text_of(owner.get(change_of(rule)))
    assert render(PAGE) == "hat shoe sock "


def test_it_is_compared_with_the_rules_that_hold_for_the_same_visitors(owner):
    make_segments("loyal", "other")
    write(owner, name="theirs", segment=Segment.objects.get(slug="loyal").pk, value="shoe")
    write(owner, name="others", segment=Segment.objects.get(slug="other").pk, value="sock")
    write(owner, name="ours", segment=Segment.objects.get(slug="loyal").pk)
    text = text_of(owner.get(change_of(RecommendationRule.objects.get(name="ours"))))
    assert "<td>The hat</td><td><strong>The sock</strong>" in text


def test_titles_of_items_are_text_and_nothing_else(owner):
    write(owner, action="pin", target="category", value="odd")
    content = owner.get(change_of(RecommendationRule.objects.get())).content.decode()
    assert "The &lt;b&gt;odd&lt;/b&gt;" in content
    assert "<b>odd" not in content


def test_a_rule_that_nothing_fits_is_saved_with_a_warning(owner):
    response = owner.post(
        ADD,
        {"name": "Ours", "action": "exclude", "target": "tag", "value": "none", "factor": "2",
         "position": "1"},
        follow=True,
    )  # fmt: skip
    assert "No active item fits “Ours” now" in text_of(response)
    rule = RecommendationRule.objects.get()
    assert "The list stays as it is" in text_of(owner.get(change_of(rule)))


@pytest.mark.parametrize(
    ("said", "named"),
    [
        ({"place": "no place"}, "“no place” is no place"),
        ({"factor": "0.5"}, "greater than or equal to 1"),
        ({"factor": "1000"}, "less than or equal to 100"),
        ({"position": "0"}, "greater than or equal to 1"),
        ({"action": "sell"}, "sell is not one of the available choices"),
        ({"value": " "}, "This field is required"),
    ],
)
def test_what_cannot_be_is_refused_by_its_name(owner, said, named):
    assert named in text_of(write(owner, **said))
    assert not RecommendationRule.objects.exists()


def test_segments_of_the_app_itself_are_not_offered(owner):
    inner = make_segments("inner")["inner"]
    Segment.objects.filter(pk=inner.pk).update(internal=True)
    assert "inner" not in text_of(owner.get(ADD))


def test_the_list_says_what_each_rule_is_about(owner):
    write(owner, place="home")
    text = text_of(owner.get(LIST))
    assert "the item with the key: hat" in text
    assert "home" in text


def test_who_wrote_a_rule_is_noted_with_its_name(owner):
    write(owner)
    entry = AuditEntry.objects.get(kind="recommendationrule")
    assert (entry.action, entry.name) == (AuditEntry.Action.ADDED, "Ours")


def test_the_list_tells_what_lists_led_to(owner):
    assert "What lists led to" not in text_of(owner.get(LIST))
    person = make_person()
    look_at(person, "x", event="Recommendation Shown", minutes=10)
    Event.objects.filter(name="Recommendation Shown").update(
        properties={"place": "home", "items": ["hat"], "model": "recommend <b>7</b>"}
    )
    look_at(person, "hat", minutes=5)
    response = owner.get(LIST)
    assert [
        (one.model, one.clicked, one.lists) for one, _ in response.context["click_through"]
    ] == [("recommend <b>7</b>", 1, 1)]
    assert "recommend &lt;b&gt;7&lt;/b&gt;" in response.content.decode()
    assert "100.0 %" in text_of(response)
