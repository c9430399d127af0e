"""What events say of liking an item, as a site owner edits it."""

from __future__ import annotations

import html

import pytest
from django.urls import reverse

from personalization.ml.feedback import item_events, stored_item_events
from personalization.ml.item_events import QUICK_EXIT, SHIPPED
from personalization.ml.models import FeedbackWeight

pytestmark = pytest.mark.django_db

LIST = reverse("admin:personalization_feedbackweight_changelist")
ADD = reverse("admin:personalization_feedbackweight_add")


def weigh(client, event="Ticket Bought", weight="2", **fields):
    return client.post(
        ADD, {"event": event, "weight": weight, "property": "", **fields}, follow=True
    )


def said(response) -> str:
    assert response.status_code == 200
    return html.unescape(response.content.decode())


def test_what_is_shipped_is_listed_with_a_way_to_change_it(owner):
    response = owner.get(LIST)
    listed = {event: weight for event, weight, _ in response.context["shipped"]}
    assert listed.keys() == SHIPPED.keys()
    assert (listed["Order Completed"], listed[QUICK_EXIT]) == ("5.0", "-0.5")
    assert f'href="{ADD}?event=Product+Added"' in said(response)
    form = owner.get(f"{ADD}?event=Product+Added").context["adminform"].form
    assert (form.initial["event"], form.initial["weight"]) == ("Product Added", 3)


def test_a_weight_takes_the_place_of_the_shipped_one_at_once(owner):
    assert item_events().weights["Product Added"] == 3
    weigh(owner, "Product Added", "10")
    assert item_events().weights["Product Added"] == 10
    assert item_events().weights["Product Viewed"] == 1
    response = owner.get(LIST)
    assert "in place of the shipped 3" in said(response)
    assert "Product Added" not in [event for event, *_ in response.context["shipped"]]
    FeedbackWeight.objects.get().delete()
    assert item_events().weights["Product Added"] == 3


def test_an_event_of_the_site_says_where_its_item_is(owner):
    weigh(owner, "Ticket Bought", "4", property=" show ")
    (concern,) = stored_item_events().read("Ticket Bought", {"show": "hamlet"})
    assert concern.item == "hamlet"


@pytest.mark.parametrize("weight", ["101", "-101", "nan", "inf", "much", ""])
def test_a_weight_without_sense_is_refused(owner, weight):
    response = weigh(owner, weight=weight)
    assert "weight" in response.context["adminform"].form.errors
    assert not FeedbackWeight.objects.exists()


def test_what_is_wrong_with_a_weight_is_said_with_what_is_allowed(owner):
    assert "1000 is no weight; allowed: -100 to 100" in said(weigh(owner, weight="1000"))


def test_weights_are_edited_in_the_list_and_checked_there_too(owner):
    row = FeedbackWeight.objects.create(event="Ticket Bought", weight=2, property="show")
    edit = {
        "form-TOTAL_FORMS": 1, "form-INITIAL_FORMS": 1, "form-0-id": row.pk,
        "form-0-weight": "7", "_save": "Save",
    }  # fmt: skip
    assert owner.post(LIST, edit).status_code == 302
    row.refresh_from_db()
    assert (row.weight, row.property) == (7, "show")
    response = owner.post(LIST, {**edit, "form-0-weight": "1e9"})
    assert "is no weight" in said(response)
    row.refresh_from_db()
    assert row.weight == 7


@pytest.mark.parametrize("name", ["x" * 101, "a\x07b"])
def test_a_property_that_nobody_sends_is_refused(owner, name):
    response = weigh(owner, property=name)
    assert "property" in response.context["adminform"].form.errors


def test_a_quick_exit_has_no_properties(owner):
    response = weigh(owner, QUICK_EXIT, "-1", property="item_id")
    assert "property" in response.context["adminform"].form.errors
    assert "received yet" not in said(weigh(owner, QUICK_EXIT, "-1"))
    assert item_events().weights[QUICK_EXIT] == -1


def test_an_event_that_nobody_knows_or_that_names_no_item_is_warned_of(owner):
    assert "No event “Ticket Bought” was received yet" in said(weigh(owner))
    assert "“Page Viewed” names no item by itself" in said(weigh(owner, "Page Viewed", "1"))
    FeedbackWeight.objects.all().delete()
    assert "names no item" not in said(weigh(owner, "Page Viewed", "1", property="path"))
