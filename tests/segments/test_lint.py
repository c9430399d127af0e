"""What is odd about segments beside each other, in use, and by the events that come."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from personalization.events.models import Event
from personalization.profiles.models import Profile
from personalization.rules.lint_findings import Finding, Severity
from personalization.segments.lint import Limits, lint_segment, lint_segments, lint_site
from personalization.segments.models import Membership, Segment, Webhook
from tests.rules.building import both, either, happened, none_of, rule, segment, trait

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
A = "Product Added"
PRO = trait("plan", "=", "pro")
FREE = trait("plan", "=", "free")


def lint(*, shown: Any = (), only: Any = (), **limits: Any) -> list[Finding]:
    return lint_site(now=NOW, shown=shown, limits=Limits(**limits), only=only)


def codes(findings: list[Finding]) -> dict[str, list[tuple[str, ...]]]:
    found: dict[str, list[tuple[str, ...]]] = {}
    for each in findings:
        found.setdefault(each.code, []).append(each.segments)
    return found


def test_what_is_odd_about_one_rule_is_told_of_it(make_segment: Callable[..., Segment]) -> None:
    odd, fine = make_segment("odd", rule(PRO, FREE)), make_segment("fine", rule(PRO))
    (found,) = lint_segment(odd, now=NOW)
    assert (found.code, found.segments) == ("contradictory", ("odd",))
    assert lint_segment(fine, now=NOW) == []
    assert set(lint_segments([odd, fine], now=NOW)) == {"odd"}


def test_segments_kept_by_hand_and_inactive_ones_have_nothing_odd(
    make_segment: Callable[..., Segment],
) -> None:
    by_hand, off = make_segment("by-hand"), make_segment("off", rule(PRO, FREE), active=False)
    assert lint_segments([by_hand, off], now=NOW) == {}
    assert "contradictory" not in codes(lint())


def test_the_rule_of_a_named_segment_counts(make_segment: Callable[..., Segment]) -> None:
    make_segment("pro", rule(PRO))
    odd = make_segment("odd", rule(segment("pro"), FREE))
    assert [each.code for each in lint_segment(odd, now=NOW)] == ["contradictory"]


def test_a_rule_that_cannot_be_read_is_an_error(make_segment: Callable[..., Segment]) -> None:
    broken = make_segment("broken", {"version": 9})
    found = lint_segment(broken, now=NOW)
    assert {each.code for each in found} == {"broken"}
    assert {each.severity for each in found} == {Severity.ERROR}
    assert "/version" in {each.pointer for each in found}


def test_equal_rules_are_duplicates_however_they_are_written(
    make_segment: Callable[..., Segment],
) -> None:
    make_segment("one", rule(PRO, happened(A)))
    make_segment("two", {"version": 1, "root": either(none_of(PRO), none_of(happened(A)),
                                                      negated=True)})  # fmt: skip
    (found,) = (each for each in lint() if each.code == "duplicate")
    assert set(found.segments) == {"one", "two"}
    assert "the same rule" in found.message


def test_rules_that_mean_the_same_are_duplicates(make_segment: Callable[..., Segment]) -> None:
    make_segment("one", rule(happened(A, ">", 0, last="PT1H")))
    make_segment("two", rule({"kind": "recency", "event": A, "operator": "<", "value": "PT1H"}))
    (found,) = (each for each in lint() if each.code == "duplicate")
    assert found.message == "“One” and “Two” always have the same members."


def test_a_segment_within_another_is_told_of_the_closest_one(
    make_segment: Callable[..., Segment],
) -> None:
    for hours in (1, 24, 48):
        make_segment(f"within-{hours}", rule(happened(A, last=f"PT{hours}H")))
    found = codes(lint())["contained"]
    assert sorted(found) == [("within-1", "within-24"), ("within-24", "within-48")]


def test_a_segment_within_one_that_it_names_is_meant(make_segment: Callable[..., Segment]) -> None:
    make_segment("pro", rule(PRO))
    make_segment("busy", rule(segment("pro"), happened(A)))
    make_segment("other", rule(FREE))
    assert {"contained", "duplicate"} & set(codes(lint())) == set()


def test_a_rule_that_holds_for_nobody_lies_within_no_other(
    make_segment: Callable[..., Segment],
) -> None:
    make_segment("nobody", rule(PRO, FREE))
    make_segment("all", rule(either(PRO, both(PRO, negated=True))))
    make_segment("pro", rule(PRO))
    assert {"contained", "duplicate"} & set(codes(lint())) == set()


def test_what_is_too_small_after_a_while(
    make_segment: Callable[..., Segment], make_profile: Callable[..., Profile]
) -> None:
    small, large = make_segment("small", rule(PRO)), make_segment("large", rule(FREE))
    profiles = [make_profile() for _ in range(4)]
    for made, n in ((small, 1), (large, 3)):
        for profile in profiles[:n]:
            Membership.objects.create(
                segment=made, profile=profile, version=made.serving, since=NOW - timedelta(days=1)
            )
    old = NOW - timedelta(days=20)
    Segment.objects.update(created_at=old, refreshed_at=old)
    few = {"min_members": 2}
    assert codes(lint(**few))["too-small"] == [("small",)]
    (found,) = (each for each in lint(**few) if each.code == "too-small")
    assert found.message == "One visitor is in “Small”, of 4."
    assert codes(lint(min_members=0, min_share=80))["too-small"] == [("large",), ("small",)]
    assert "too-small" not in codes(lint(live_for=timedelta(days=21), **few))
    assert "too-small" not in codes(lint(min_members=1))


def test_what_nothing_uses(make_segment: Callable[..., Segment]) -> None:
    inner = make_segment("named", rule(PRO))
    make_segment("naming", rule(segment("named"), happened(A)))
    make_segment("shown", rule(FREE))
    told = make_segment("told", rule(trait("plan", "=", "x")))
    Webhook.objects.create(name="w", url="https://example.com", secret="s", segment=told)
    assert codes(lint(shown={"shown"}))["unused"] == [("naming",)]
    Webhook.objects.create(name="all", url="https://example.com", secret="s")
    assert "unused" not in codes(lint())
    assert inner.active


def test_events_that_rules_wait_for_and_that_none_waits_for(
    make_segment: Callable[..., Segment],
    make_profile: Callable[..., Profile],
    make_event: Callable[..., Event],
) -> None:
    profile = make_profile()
    make_event(profile, "Product Viewed", at=NOW)
    make_event(profile, A, at=NOW)
    make_segment("buyers", rule(happened("Order Completd")))
    make_segment("added", rule(happened(A)))
    found = {each.code: each for each in lint()}
    assert found["unseen-event"].segments == ("buyers",)
    assert found["unseen-event"].severity is Severity.WARNING
    assert "“Order Completd”" in found["unseen-event"].message
    assert "“Product Viewed”" in found["unused-event"].message
    make_segment("busy", rule(happened("*")))
    assert "unused-event" not in codes(lint())


def test_only_what_is_asked_for(make_segment: Callable[..., Segment]) -> None:
    make_segment("odd", rule(PRO, FREE))
    make_segment("strange", rule(PRO, FREE))
    found = lint(only=["odd"])
    assert {each.segments for each in found} == {("odd",)}


def test_the_worst_comes_first(make_segment: Callable[..., Segment]) -> None:
    make_segment("odd", rule(PRO, FREE))
    make_segment("a-pair", rule(PRO, PRO))
    severities = [each.severity for each in lint()]
    assert severities == sorted(severities, reverse=True)
    assert severities[0] is Severity.ERROR


def test_a_segment_that_ended_is_left_alone(make_segment: Callable[..., Segment]) -> None:
    make_segment("over", rule(PRO, FREE), ends_at=NOW)
    assert lint() == []
