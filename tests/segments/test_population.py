"""Segments over everybody: who matches, how many, who is a member."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from personalization.events.models import Event
from personalization.exceptions import InvalidRule
from personalization.profiles.models import Profile
from personalization.segments.models import Membership, Segment
from personalization.segments.population import count_matching, linked, matching, members
from tests.rules.building import happened, none_of, rule, segment, trait

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def test_matching_and_counting_need_no_snapshot_to_be_up_to_date(
    make_profile: Callable[..., Profile], make_event: Callable[..., Event]
) -> None:
    alice, bob = make_profile(), make_profile()
    make_event(alice, "Order Completed", at=NOW - HOUR)
    ordered = linked(rule(happened("Order Completed", last="PT1H")))
    assert matching(ordered, now=NOW - HOUR / 2) == {alice.pk}
    assert matching(ordered, now=NOW) == set()
    never = linked(rule(none_of(happened("Order Completed"))))
    assert matching(never, now=NOW) == {bob.pk}
    assert count_matching(never, now=NOW) == 1


def test_events_of_all_identities_of_a_profile_count(
    make_profile: Callable[..., Profile], make_event: Callable[..., Event]
) -> None:
    alice = make_profile()
    make_event(alice, "Page Viewed", at=NOW)
    phone = alice.identities.create(namespace="anonymous", value="phone")
    Event.objects.create(
        identity=phone, source=Event.objects.get().source, name="Page Viewed", timestamp=NOW,
        type="page", message_id="on the phone",
    )  # fmt: skip
    assert matching(linked(rule(happened("Page Viewed", "=", 2))), now=NOW) == {alice.pk}


def test_members_are_those_whose_span_contains_the_instant(
    make_profile: Callable[..., Profile], make_segment: Callable[..., Segment]
) -> None:
    alice, bob, carol = make_profile(), make_profile(), make_profile()
    vips = make_segment("vips")
    for profile, since, until in [
        (alice, NOW - HOUR, None),
        (bob, NOW - HOUR, NOW),
        (carol, NOW, NOW + HOUR),
    ]:
        Membership.objects.create(segment=vips, profile=profile, since=since, until=until)
    assert set(members(vips, now=NOW)) == {alice, carol}
    assert set(members(vips, now=NOW - HOUR)) == {alice, bob}
    assert set(members(vips, now=NOW + HOUR)) == {alice}


def test_a_rule_is_linked_to_the_active_segments(
    make_profile: Callable[..., Profile], make_segment: Callable[..., Segment]
) -> None:
    pro = make_profile(traits={"plan": "pro"})
    make_profile(traits={"plan": "free"})
    pros = make_segment("pros", rule(trait("plan", "=", "pro")))
    assert matching(linked(rule(segment("pros"))), now=NOW) == {pro.pk}
    pros.active = False
    pros.save()
    with pytest.raises(InvalidRule, match="There is no segment “pros”"):
        linked(rule(segment("pros")))


def test_a_reference_to_a_broken_rule_is_refused(make_segment: Callable[..., Segment]) -> None:
    make_segment("broken", {}, name="Broken")
    with pytest.raises(InvalidRule, match="The rule of segment “Broken” is broken"):
        linked(rule(segment("broken")))


def test_the_largest_rule_can_be_asked(
    make_profile: Callable[..., Profile], make_segment: Callable[..., Segment]
) -> None:
    """Ten segments deep, and each of the conditions compares with fifty values."""
    alice = make_profile(traits={"plan": "value 49"})
    values = [f"value {number}" for number in range(50)]
    leaves = [trait("plan", "in", values) for _ in range(49)]
    make_segment("0", rule(*leaves))
    for number in range(9):
        make_segment(str(number + 1), rule(*leaves, segment(str(number))))
    assert matching(linked(rule(segment("9"))), now=NOW) == {alice.pk}
