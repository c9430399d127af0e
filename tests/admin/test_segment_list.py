from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from personalization.profiles.models import Profile
from personalization.segments.models import Membership, Segment
from tests.admin.rules import CART, did, in_segment, rule, trait

pytestmark = pytest.mark.django_db

LIST = "admin:personalization_segment_changelist"


def join(segment: Segment, profile: Profile, *, since: int, until: int | None = None) -> None:
    """Write a membership; `since` and `until` are hours from now."""
    now = timezone.now()
    Membership.objects.create(
        segment=segment,
        profile=profile,
        since=now + timedelta(hours=since),
        until=None if until is None else now + timedelta(hours=until),
        settled=until is not None and until < 0,
    )


def test_the_list_counts_only_who_is_in_at_this_moment(owner, make_profile, make_segment):
    segment = make_segment("guests")
    now_in, back_again, gone, to_come, _never = (make_profile() for _ in range(5))
    join(segment, now_in, since=-2)
    join(segment, back_again, since=-9, until=-8)
    join(segment, back_again, since=-1, until=3)
    join(segment, gone, since=-3, until=-1)
    join(segment, to_come, since=1)
    row = owner.get(reverse(LIST)).content.decode().split('<tr><td class="action-checkbox">')[1]
    assert '<td class="field-members_now">2</td>' in row
    assert '<td class="field-share">40.0 %</td>' in row


def test_a_small_share_of_many_is_not_shown_as_none(owner, make_profile, make_segment):
    segment = make_segment("guests")
    join(segment, make_profile(), since=-1)
    for _ in range(1200):
        make_profile()
    assert "&lt; 0.1 %" in owner.get(reverse(LIST)).content.decode()


def test_the_list_takes_as_many_queries_for_many_segments_as_for_two(
    owner, make_profile, make_segment, django_assert_num_queries
):
    def fill(n: int) -> None:
        for index in range(n):
            segment = make_segment(f"segment-{Segment.objects.count()}", CART if index else None)
            join(segment, make_profile(), since=-1)

    fill(2)
    owner.get(reverse(LIST))
    # session, user, number of visitors, page count, number of segments, segments, and what
    # their rules are judged by: five of the catalogue, and the segments that rules name
    with django_assert_num_queries(12):
        owner.get(reverse(LIST))
    fill(15)
    with django_assert_num_queries(12):
        owner.get(reverse(LIST))


def test_the_list_says_how_far_the_members_follow_the_rule(owner, make_segment):
    waiting = make_segment("waiting", CART)
    fresh = make_segment("fresh", CART)
    broken = make_segment("broken", CART)
    make_segment("off", CART, active=False)
    Segment.objects.filter(pk=fresh.pk).update(refreshed_at=fresh.updated_at)
    Segment.objects.filter(pk=broken.pk).update(refresh_error="There is no segment “vip”.")
    page = owner.get(reverse(LIST)).content.decode()
    assert waiting.refreshed_at is None
    for text in ("Waiting for the worker", "Up to date", "Not active", "The rule cannot be used"):
        assert page.count(text) == 1
    assert "There is no segment “vip”." in page


@pytest.mark.parametrize("column", [5, 6, 7, -5])
def test_every_column_can_be_sorted_by(owner, make_segment, column):
    make_segment("one", CART)
    make_segment("two")
    assert owner.get(reverse(LIST), {"o": column}).status_code == 200


def test_a_segment_whose_end_has_passed_is_shown_as_ended_and_empty(
    owner, make_profile, make_segment
):
    now = timezone.now()
    ended = make_segment("ended", ends_at=now - timedelta(hours=1))
    join(ended, make_profile(), since=-2)
    join(make_segment("to-come", ends_at=now + timedelta(hours=1)), make_profile(), since=-2)
    page = owner.get(reverse(LIST)).content.decode()
    assert page.count(">Ended</span>") == 1
    rows = page.split('<tr><td class="action-checkbox">')[1:]
    assert ['<td class="field-members_now">0</td>' in row for row in rows] == [True, False]


def test_a_rule_that_the_catalogue_no_longer_knows_needs_repair(owner, make_segment):
    guests = make_segment("guests")
    segment = make_segment("lounge", rule(did("Product Added"), in_segment("guests")))
    Segment.objects.update(refreshed_at=timezone.now() + timedelta(hours=1))
    assert "The rule cannot be used" not in owner.get(reverse(LIST)).content.decode()
    Segment.objects.filter(pk=guests.pk).update(active=False)
    page = owner.get(reverse(LIST)).content.decode()
    assert page.count("The rule cannot be used") == 1
    assert "Line 2:" in page
    assert "guests" in page
    version = segment.versions.create(number=501, rule=segment.rule, meaning="as it was")
    Segment.objects.filter(pk=segment.pk).update(serving=version)
    page = owner.get(reverse(LIST)).content.decode()
    assert 'The last good version is in force.">Needs repair</span>' in page


def test_a_rule_that_contradicts_itself_is_worth_a_look(owner, make_segment):
    make_segment("fine", CART)
    odd = make_segment("odd", rule(trait("plan", "=", "pro"), trait("plan", "=", "free")))
    Segment.objects.update(refreshed_at=timezone.now() + timedelta(hours=1))
    rows = owner.get(reverse(LIST)).content.decode().split('<tr><td class="action-checkbox">')[1:]
    assert ["Up to date · worth a look" in row for row in rows] == [False, True]
    assert "nobody can be in it" in rows[1]
    page = owner.get(reverse("admin:personalization_segment_change", args=[odd.pk]))
    shown = page.content.decode().partition("Worth a look")[2]
    assert "Line 2: “whose plan is pro” and “whose plan is free” can never both hold." in shown
