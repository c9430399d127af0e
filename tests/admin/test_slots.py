from __future__ import annotations

import pytest
from django.urls import reverse

from personalization.delivery.models import Slot, Variation
from personalization.revisions import Revision
from tests.admin.rules import CART

pytestmark = pytest.mark.django_db

LIST = reverse("admin:personalization_slot_changelist")


def form(*variations: dict[str, object], **fields: object) -> dict[str, object]:
    """Return what the page of a slot posts; the first of `variations` may be stored ones."""
    data: dict[str, object] = {
        "name": "Home: hero",
        "slug": "home-hero",
        "description": "",
        "presentation": "place",
        "variations-TOTAL_FORMS": len(variations),
        "variations-INITIAL_FORMS": sum("id" in each for each in variations),
        **fields,
    }
    for index, variation in enumerate(variations):
        data |= {f"variations-{index}-{key}": value for key, value in variation.items()}
    return data


def test_a_slot_is_saved_with_its_variations(owner, make_segment):
    segment = make_segment("cart", CART)
    variation = {
        "segment": segment.pk, "name": "Come back", "content": "<b>Hi</b>", "priority": 5,
        "active": "on", "share": 1,
    }  # fmt: skip
    assert owner.post(reverse("admin:personalization_slot_add"), form(variation)).status_code == 302
    saved = Variation.objects.get()
    assert (saved.slot.slug, saved.content, saved.priority) == ("home-hero", "<b>Hi</b>", 5)


@pytest.mark.parametrize("strategy", ["", "priority", "weight", "all"])
def test_a_slot_says_what_it_shows_when_several_match(owner, strategy):
    address = reverse("admin:personalization_slot_add")
    assert owner.post(address, form(strategy=strategy)).status_code == 302
    assert Slot.objects.get().strategy == strategy


def test_what_is_no_strategy_is_refused(owner):
    page = owner.post(reverse("admin:personalization_slot_add"), form(strategy="heaviest"))
    assert "heaviest is not one of the available choices" in page.content.decode()
    assert not Slot.objects.exists()


def test_the_slug_of_a_saved_slot_stays_for_templates_name_it(owner):
    slot = Slot.objects.create(slug="hero", name="Hero")
    address = reverse("admin:personalization_slot_change", args=[slot.pk])
    assert owner.post(address, form(slug="other")).status_code == 302
    slot.refresh_from_db()
    assert (slot.slug, slot.name) == ("hero", "Home: hero")


def test_removing_a_variation_reaches_the_pages(owner, make_segment):
    slot = Slot.objects.create(slug="hero", name="Hero")
    stored = Variation.objects.create(
        slot=slot, segment=make_segment("cart", CART), name="Come back", content="x"
    )
    before = Revision.objects.get().number
    gone = {
        "id": stored.pk, "slot": slot.pk, "segment": stored.segment_id, "name": "Come back",
        "content": "x", "priority": 1, "share": 1, "DELETE": "on",
    }  # fmt: skip
    address = reverse("admin:personalization_slot_change", args=[slot.pk])
    assert owner.post(address, form(gone)).status_code == 302
    assert not Variation.objects.exists()
    assert Revision.objects.get().number > before


def test_deleting_slots_reaches_the_pages(owner, make_segment):
    slot = Slot.objects.create(slug="hero", name="Hero")
    Variation.objects.create(slot=slot, segment=make_segment("cart"), name="A", content="x")
    before = Revision.objects.get().number
    chosen = {"action": "delete_selected", "_selected_action": [slot.pk], "post": "yes"}
    assert owner.post(LIST, chosen).status_code == 302
    assert not Slot.objects.exists()
    assert Revision.objects.get().number > before


def test_a_variation_is_offered_active_segments_and_those_in_use(owner, make_segment):
    slot = Slot.objects.create(slug="hero", name="Hero")
    used = make_segment("used", CART, name="Once used")
    Variation.objects.create(slot=slot, segment=used, name="A", content="x")
    type(used).objects.filter(pk=used.pk).update(active=False)
    make_segment("off", CART, name="Switched off", active=False)
    make_segment("on", CART, name="Switched on")
    address = reverse("admin:personalization_slot_change", args=[slot.pk])
    text = owner.get(address).content.decode()
    assert "Once used" in text
    assert "Switched on" in text
    assert "Switched off" not in text


def test_the_list_counts_variations_without_a_query_for_each(
    owner, make_segment, django_assert_num_queries
):
    def fill(n: int) -> None:
        for index in range(n):
            slot = Slot.objects.create(slug=f"slot-{Slot.objects.count()}", name="Slot")
            segment = make_segment(f"{slot.slug}-{index}")
            Variation.objects.create(slot=slot, segment=segment, name="A", content="x")
            Variation.objects.create(
                slot=slot, segment=segment, name="B", content="x", active=False
            )

    fill(2)
    owner.get(LIST)
    with django_assert_num_queries(5):
        text = owner.get(LIST).content.decode()
    assert '<td class="field-variations">2</td>' in text
    assert ">1 running<" in text
    assert ">1 not active<" in text
    fill(9)
    with django_assert_num_queries(5):
        owner.get(LIST)
