"""Caps as a site owner sets them: with the form of a slot."""

from __future__ import annotations

import pytest
from django.urls import reverse

from personalization.delivery.models import Slot, Variation
from personalization.segments.models import Segment
from tests.admin.test_slots import form

pytestmark = pytest.mark.django_db

ADD = reverse("admin:personalization_slot_add")


@pytest.fixture
def offer(make_segment):
    segment = make_segment("guests")
    return {
        "segment": segment.pk, "name": "Offer", "content": "x", "priority": 1, "active": "on",
        "share": 1,
    }  # fmt: skip


def caps() -> set[str]:
    return set(Segment.objects.filter(internal=True).values_list("slug", flat=True))


def test_the_form_makes_changes_and_removes_the_caps(owner, offer):
    page = owner.post(ADD, form({**offer, "cap_total": 3}, cap_daily=2))
    assert page.status_code == 302, page.context["errors"]
    slot, variation = Slot.objects.get(), Variation.objects.get()
    assert caps() == {f"cap:slot:{slot.pk}", f"cap:variation:{variation.pk}"}
    stored = {"id": variation.pk, "slot": slot.pk, **offer}
    address = reverse("admin:personalization_slot_change", args=[slot.pk])
    assert owner.post(address, form({**stored, "cap_total": 9}, cap_daily="")).status_code == 302
    assert caps() == {f"cap:variation:{variation.pk}"}
    assert "9" in str(Segment.objects.get(internal=True).rule)
    assert owner.post(address, form({**stored, "DELETE": "on"})).status_code == 302
    assert caps() == set()


@pytest.mark.parametrize("times", [0, -1, 1001, "often"])
def test_a_number_that_is_none_is_refused_by_name(owner, offer, times):
    page = owner.post(ADD, form({**offer, "cap_total": times}))
    assert page.status_code == 200
    [inline] = page.context["inline_admin_formsets"]
    assert "cap_total" in inline.formset.errors[0]
    assert not Slot.objects.exists()
    assert caps() == set()


def test_deleting_slots_from_the_list_takes_the_caps_along(owner, offer):
    owner.post(ADD, form({**offer, "cap_total": 3}, cap_daily=2))
    chosen = {
        "action": "delete_selected", "_selected_action": [Slot.objects.get().pk], "post": "yes",
    }  # fmt: skip
    assert owner.post(reverse("admin:personalization_slot_changelist"), chosen).status_code == 302
    assert not Slot.objects.exists()
    assert caps() == set()
