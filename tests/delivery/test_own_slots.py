"""Slots that nobody named are none that is missing in the admin."""

from __future__ import annotations

import pytest

from personalization.delivery.own_slots import is_own_slot, new_own_slot
from tests.delivery.people import make_segments
from tests.delivery.staff import looking_as, slot_of


def test_each_is_another_and_can_be_told_from_those_that_are_named() -> None:
    slots = {new_own_slot() for _ in range(100)}
    assert len(slots) == 100
    assert all(is_own_slot(slot) for slot in slots)
    assert not is_own_slot("hero")


@pytest.mark.django_db
@pytest.mark.urls("tests.delivery.staff_site")
def test_staff_are_not_told_to_add_it_to_the_admin() -> None:
    make_segments("a")
    slug = new_own_slot()
    block = f'{{% personalized_block "{slug}" %}}x{{% variant "a" %}}y{{% endpersonalized_block %}}'
    html = looking_as("a").get("/page/", {"source": f"<body>{block}</body>"}).content.decode()
    entry = slot_of(html, slug)
    assert (entry["name"], entry["warnings"]) == ("A block of this page", [])
