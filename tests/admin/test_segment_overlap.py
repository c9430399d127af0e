"""How many members of a segment are members of others, too."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from personalization.admin.segment_overlap import LISTED, overlaps_of
from personalization.segments.manual import add_members
from personalization.segments.models import Segment
from tests.admin.rules import CART

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)


@pytest.fixture
def people(make_profile):
    return [make_profile().pk for _ in range(8)]


def found(segment, *, of: int) -> list[tuple[str, int, str]]:
    overlaps = overlaps_of(segment, of=of, now=timezone.now())
    return [(overlap.name, overlap.n, overlap.share) for overlap in overlaps]


def test_members_in_common_are_counted_most_first(make_segment, people):
    now = timezone.now()
    vips, press, guests = make_segment("vips"), make_segment("press"), make_segment("guests")
    make_segment("nobody")
    add_members(vips, people[:6], now=now)
    add_members(press, people[4:], now=now)
    add_members(guests, people[1:6], now=now)
    assert found(vips, of=6) == [("Guests", 5, "83.3 %"), ("Press", 2, "33.3 %")]
    assert found(press, of=4) == [("Guests", 2, "50.0 %"), ("Vips", 2, "50.0 %")]


def test_only_memberships_of_now_count(make_segment, people):
    now = timezone.now()
    vips, press = make_segment("vips"), make_segment("press")
    add_members(vips, people[:2], now=now - 3 * HOUR, until=now - HOUR)
    add_members(vips, people[2:4], now=now - 3 * HOUR)
    add_members(press, people[:3], now=now - 3 * HOUR)
    add_members(press, people[3:4], now=now - 3 * HOUR, until=now - HOUR)
    assert found(vips, of=2) == [("Press", 1, "50.0 %")]


def test_segments_that_are_off_or_over_are_left_out(make_segment, people):
    now = timezone.now()
    vips = make_segment("vips")
    for segment in (
        vips,
        make_segment("off", active=False),
        make_segment("ended", ends_at=now - HOUR),
        make_segment("on", ends_at=now + HOUR),
    ):
        add_members(segment, people, now=now - 2 * HOUR)
    assert found(vips, of=8) == [("On", 8, "100.0 %")]


def test_only_versions_in_force_count(make_segment, people):
    now = timezone.now()
    vips, cart = make_segment("vips"), make_segment("cart", CART)
    add_members(vips, people, now=now)
    old, new = (cart.versions.create(number=number, rule=CART) for number in (501, 502))
    Segment.objects.filter(pk=cart.pk).update(serving=old)
    for version, members in ((old, people[:2]), (new, people[2:])):
        for pk in members:
            cart.memberships.create(profile_id=pk, version=version, since=now - HOUR)
    assert found(vips, of=8) == [("Cart", 2, "25.0 %")]


def test_one_query_tells_it_all(make_segment, people, django_assert_num_queries):
    segments = [make_segment(f"segment-{number}") for number in range(LISTED + 5)]
    for segment in segments:
        add_members(segment, people, now=timezone.now())
    with django_assert_num_queries(1):
        overlaps = overlaps_of(segments[0], of=8, now=timezone.now())
    assert len(overlaps) == LISTED


def test_the_page_of_a_segment_shows_it(owner, make_segment, people):
    vips, press = make_segment("vips"), make_segment("press", name="The press")
    address = reverse("admin:personalization_segment_change", args=[vips.pk])
    assert "Its members are also in" not in owner.get(address).content.decode()
    add_members(vips, people[:4], now=timezone.now())
    add_members(press, people[:3], now=timezone.now())
    text = owner.get(address).content.decode()
    assert "Its members are also in" in text
    assert "75.0 %" in text
    assert f'<a href="{reverse("admin:personalization_segment_change", args=[press.pk])}">' in text
