"""Ready segments, added with a click."""

from __future__ import annotations

import html
from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from personalization import hints
from personalization.profiles.shipped import RFM_GROUPS
from personalization.rules.derived import derived_features
from personalization.segments.live import live_rules
from personalization.segments.models import Segment
from personalization.segments.population import members
from personalization.segments.refresh import refresh_segments
from personalization.segments.templates import CHAPTERS, TEMPLATES, starters, templates_of

pytestmark = pytest.mark.django_db

PAGE = reverse("admin:personalization_segment_templates")
LIST = reverse("admin:personalization_segment_changelist")


def change(segment: Segment) -> str:
    return reverse("admin:personalization_segment_change", args=[segment.pk])


def text_of(response) -> str:
    assert response.status_code == 200
    return html.unescape(response.content.decode())


def said(response) -> list[str]:
    return [str(message) for message in response.context["messages"]]


# -- what there is ------------------------------------------------------------------------


def test_the_list_of_segments_leads_there(owner):
    assert f'href="{PAGE}"' in text_of(owner.get(LIST))


def test_every_template_is_there_with_its_sentence_under_its_chapter(owner):
    response = owner.get(PAGE)
    text = text_of(response)
    for title in CHAPTERS.values():
        assert str(title) in text
    for template in TEMPLATES:
        assert template.name in text
        assert template.description in text
    champions = "last ordered at most 30 days ago and ordered at least 5 times"
    assert f"Visitors whose RFM group is champions: who {champions}." in text
    assert "Visitors whose interest score is at least 20 points." in text
    cards = [card for chapter in response.context["chapters"] for card in chapter.cards]
    assert [card.template for card in cards] == list(TEMPLATES)


def test_names_and_slugs_are_given_once():
    assert len({template.slug for template in TEMPLATES}) == len(TEMPLATES)
    assert len({template.name for template in TEMPLATES}) == len(TEMPLATES)
    assert all(len(template.slug) <= 45 for template in TEMPLATES)
    assert all(template.description.endswith(".") for template in TEMPLATES)


@pytest.mark.parametrize(
    ("name", "chapter"),
    [("rfm.group", "rfm"), ("engagement.class", "engagement"), ("lifecycle.stage", "lifecycle"),
     ("persona", "personas")],
)  # fmt: skip
def test_every_value_of_a_shipped_feature_has_its_segment(name, chapter):
    conditions = [template.conditions for template in templates_of(chapter)]
    for value in derived_features.get(name).values():
        leaf = {"kind": "feature", "field": name, "operator": "=", "value": value}
        assert (leaf,) in conditions


def test_an_empty_editor_offers_a_few_of_them(owner):
    names = [template.name for template in starters()]
    assert names == [
        "Cart abandoners", "Loyal customers", "Browsers", "Bargain hunters", "High engagement",
        "Disengaged",
    ]  # fmt: skip
    text = text_of(owner.get(reverse("admin:personalization_segment_add")))
    assert all(f'"name": "{name}"' in text for name in names)
    assert '"chapter": "Carts and orders"' in text


# -- one click ----------------------------------------------------------------------------


def test_a_click_adds_the_segment_and_leads_to_it(owner, monkeypatch):
    hinted = []
    monkeypatch.setattr(hints, "hint", hinted.append)
    response = owner.post(PAGE, {"template": "cart-abandoners"}, follow=True)
    segment = Segment.objects.get()
    assert response.redirect_chain == [(change(segment), 302)]
    assert "“Cart abandoners” was added" in said(response)[0]
    template = TEMPLATES[0]
    assert (segment.name, segment.slug) == ("Cart abandoners", "cart-abandoners")
    assert segment.description == template.description
    assert segment.rule == template.rule
    assert segment.active
    assert hinted == [hints.REFRESH_SEGMENTS]


def test_the_first_version_says_who_added_it_and_from_what(owner):
    owner.post(PAGE, {"template": "cart-abandoners"})
    version = Segment.objects.get().versions.get()
    assert version.note == "From a template."
    assert version.created_by.is_superuser
    assert LogEntry.objects.get().get_change_message() == "From a template."


def test_a_slug_that_is_taken_gets_a_number(owner, make_segment):
    make_segment("disengaged")
    make_segment("disengaged-2")
    make_segment("disengaged-for-ever")
    owner.post(PAGE, {"template": "disengaged"})
    assert Segment.objects.get(name="Disengaged", kind="rule").slug == "disengaged-3"


def test_the_page_says_what_was_added_before(owner):
    owner.post(PAGE, {"template": "lapsed-visitors"})
    segment = Segment.objects.get()
    Segment.objects.filter(pk=segment.pk).update(name="Gone")
    text = text_of(owner.get(PAGE))
    assert f'href="{change(segment)}"' in text
    assert "There as “Gone”" in text


def test_who_asks_for_what_is_not_there_is_told_so(owner):
    for sent in ({"template": "vips"}, {}, {"chapter": "carts"}, {"chapter": "no"}):
        response = owner.post(PAGE, sent, follow=True)
        assert response.redirect_chain == [(PAGE, 302)]
        assert "no such template" in said(response)[0]
    assert not Segment.objects.exists()


# -- all of a chapter ---------------------------------------------------------------------


def test_the_whole_grid_is_added_at_once(owner):
    assert "Add all 10" in text_of(owner.get(PAGE))
    response = owner.post(PAGE, {"chapter": "rfm"}, follow=True)
    assert said(response) == ["10 segments were added."]
    assert set(Segment.objects.values_list("name", flat=True)) == {
        f"RFM: {name}" for name in RFM_GROUPS
    }
    assert live_rules().broken == {}


def test_what_is_there_of_the_grid_is_not_added_again(owner):
    owner.post(PAGE, {"template": "rfm-champions"})
    assert "Add the other 9" in text_of(owner.get(PAGE))
    response = owner.post(PAGE, {"chapter": "rfm"}, follow=True)
    assert said(response)[-1] == "9 segments were added."
    response = owner.post(PAGE, {"chapter": "rfm"}, follow=True)
    assert said(response)[-1] == "0 segments were added."
    assert Segment.objects.count() == 10
    assert "Add all 10" not in text_of(owner.get(PAGE))


def test_everybody_who_ordered_is_in_one_cell(owner, make_visitor):
    owner.post(PAGE, {"chapter": "rfm"})
    day = 24
    people = [
        make_visitor(*[("Order Completed", days * day)] * n)
        for days, n in ((1, 1), (1, 6), (40, 1), (100, 4), (200, 9), (300, 1))
    ]
    make_visitor(("Page Viewed", 1))
    now = timezone.now()
    refresh_segments(now=now)
    cells = [
        segment.name
        for person in people
        for segment in Segment.objects.all()
        if members(segment, now=now).contains(person)
    ]
    assert cells == [
        f"RFM: {name}"
        for name in ("new customers", "champions", "promising", "need attention", "cannot lose",
                     "hibernating")
    ]  # fmt: skip


# -- who may, and what cannot be ----------------------------------------------------------


def test_only_who_may_add_segments_sees_or_adds_them(sign_in):
    for client in (sign_in("view_segment", "change_segment"), sign_in()):
        assert client.get(PAGE).status_code == 403
        assert client.post(PAGE, {"template": "disengaged"}).status_code == 403
    assert PAGE not in text_of(sign_in("view_segment").get(LIST))
    assert Client().get(PAGE).status_code == 302
    assert not Segment.objects.exists()


def test_who_may_add_and_not_look_is_sent_home(sign_in):
    client = sign_in("add_segment")
    assert client.get(PAGE).status_code == 200
    response = client.post(PAGE, {"template": "disengaged"})
    assert response["Location"] == reverse("admin:index")
    assert Segment.objects.count() == 1


def test_another_site_cannot_have_them_added(owner):
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = owner.cookies
    assert strict.get(PAGE).status_code == 200
    assert strict.post(PAGE, {"template": "disengaged"}).status_code == 403
    assert not Segment.objects.exists()


def test_to_look_adds_nothing(owner):
    assert owner.get(PAGE, {"template": "disengaged"}).status_code == 200
    assert not Segment.objects.exists()


def test_a_template_that_looks_back_too_far_is_refused_in_words(owner, settings):
    settings.PERSONALIZATION_RETENTION = timedelta(days=14)
    response = owner.post(PAGE, {"template": "disengaged"}, follow=True)
    assert response.redirect_chain == [(PAGE, 302)]
    assert "Disengaged: " in said(response)[0]
    assert "a window cannot look back further" in said(response)[0]
    assert not Segment.objects.exists()
