"""Goals, as a site owner states them."""

from __future__ import annotations

import html
from datetime import timedelta

import pytest
from django.urls import reverse

from personalization.events.goals import Goal
from personalization.privacy.models import AuditEntry

pytestmark = pytest.mark.django_db

LIST = reverse("admin:personalization_goal_changelist")
ADD = reverse("admin:personalization_goal_add")


def state(client, **fields):
    given = {
        "name": "Order", "slug": "order", "event": "Order Completed", "value_property": "total",
        "within": "7", "is_active": "on",
    }  # fmt: skip
    return client.post(ADD, {**given, **fields}, follow=True)


def said(response) -> str:
    assert response.status_code == 200
    return html.unescape(response.content.decode())


def test_a_goal_is_an_event_within_days(owner):
    assert state(owner, within="0.5").status_code == 200
    goal = Goal.objects.get()
    assert (goal.slug, goal.event, goal.value_property) == ("order", "Order Completed", "total")
    assert goal.within == timedelta(hours=12)
    assert goal.is_active
    assert AuditEntry.objects.get(kind="goal").name == "Order"


def test_the_form_begins_with_a_week(owner):
    form = owner.get(ADD).context["adminform"].form
    assert form["within"].value() == 7
    assert form["within"].label == "Within days"


def test_the_list_tells_how_long_is_waited(owner):
    Goal.objects.create(slug="day", name="Day", event="A", within=timedelta(days=1))
    Goal.objects.create(slug="hours", name="Hours", event="B", within=timedelta(hours=36))
    text = owner.get(LIST).content.decode()
    assert "1 day<" in text
    assert "1.5 days<" in text


@pytest.mark.parametrize("within", ["0", "-3", "366", "soon", "", "nan", "inf"])
def test_a_time_that_cannot_be_waited_for_is_refused(owner, within):
    assert "within" in state(owner, within=within).context["adminform"].form.errors
    assert not Goal.objects.exists()


@pytest.mark.parametrize("slug", ["2nd-order", "-order", "an order", ""])
def test_a_goal_is_called_what_rules_can_name(owner, slug):
    assert "slug" in state(owner, slug=slug).context["adminform"].form.errors
    assert not Goal.objects.exists()


def test_the_slug_stays_as_rules_know_it(owner):
    state(owner)
    goal = Goal.objects.get()
    change = reverse("admin:personalization_goal_change", args=(goal.pk,))
    form = owner.get(change).context["adminform"].form
    assert form["within"].value() == 7
    owner.post(
        change,
        {"name": "Sale", "slug": "sale", "event": "Order Completed", "within": "7", "is_active": "on"},
    )  # fmt: skip
    goal.refresh_from_db()
    assert (goal.name, goal.slug) == ("Sale", "order")


def test_an_event_that_nobody_knows_is_warned_of(owner):
    assert "No event “Order completed” was received yet" in said(
        state(owner, event="Order completed")
    )
    assert Goal.objects.exists()


def test_an_event_that_is_known_is_not(owner, make_visitor):
    make_visitor(("Ticket Bought", 2))
    assert "received yet" not in said(state(owner, event="Ticket Bought"))
    assert "received yet" not in said(state(owner, slug="other", event="Order Completed"))
