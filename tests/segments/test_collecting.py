"""Live rules say which events they use, also through features."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from personalization.segments.collecting import events_of_live_rules
from personalization.segments.interest import InterestWeight
from personalization.segments.models import Segment
from tests.rules.building import feature, happened, rule, trait

pytestmark = pytest.mark.django_db

HOVERED = rule(happened("Element Hovered"))


def test_without_rules_no_event_is_used() -> None:
    assert events_of_live_rules() == frozenset()


def test_the_events_of_a_rule_are_used_until_it_is_gone(
    make_segment: Callable[..., Segment],
) -> None:
    made = make_segment("curious", HOVERED)
    assert events_of_live_rules() == {"Element Hovered"}
    make_segment("others", rule(happened("Engaged"), trait("plan", "=", "pro")))
    assert events_of_live_rules() == {"Element Hovered", "Engaged"}
    made.delete()
    assert events_of_live_rules() == {"Engaged"}


def test_a_segment_that_is_switched_off_uses_nothing(make_segment: Callable[..., Segment]) -> None:
    made = make_segment("curious", HOVERED)
    made.active = False
    made.save()
    assert events_of_live_rules() == frozenset()


def test_a_rule_that_is_being_filled_counts_already(make_segment: Callable[..., Segment]) -> None:
    made = make_segment("curious", HOVERED)
    made.rule = rule(happened("Form Started"))
    made.save()
    assert events_of_live_rules() == {"Element Hovered", "Form Started"}


def test_a_rule_over_any_event_uses_none_in_particular(
    make_segment: Callable[..., Segment],
) -> None:
    make_segment("active", rule(happened("*")))
    assert events_of_live_rules() == frozenset()


def test_what_a_feature_adds_up_is_used(make_segment: Callable[..., Segment]) -> None:
    make_segment("attentive", rule(feature("engagement.seconds", ">", 60)))
    assert events_of_live_rules() == {"Engaged"}


@pytest.mark.parametrize("name", ["visits.count", "events.count"])
def test_a_feature_of_whatever_comes_uses_nothing_in_particular(
    make_segment: Callable[..., Segment], name: str
) -> None:
    make_segment("many", rule(feature(name, ">", 3)))
    assert events_of_live_rules() == frozenset()


def test_what_weighs_in_the_interest_score_is_used_with_it(
    make_segment: Callable[..., Segment],
) -> None:
    InterestWeight.objects.create(event="Section Viewed", weight=2)
    InterestWeight.objects.create(event="Product Added", weight=0)
    assert events_of_live_rules() == frozenset()
    make_segment("interested", rule(feature("interest.score", ">", 10)))
    used = events_of_live_rules()
    assert "Section Viewed" in used
    assert "Product Added" not in used


def test_what_a_feature_decided_by_rules_looks_at_is_used(
    make_segment: Callable[..., Segment],
) -> None:
    make_segment("champions", rule(feature("rfm.monetary", "=", 5)))
    assert "Order Completed" in events_of_live_rules()


def test_it_costs_one_read_while_rules_stay(
    make_segment: Callable[..., Segment], django_assert_num_queries: Any
) -> None:
    make_segment("curious", HOVERED)
    events_of_live_rules()
    with django_assert_num_queries(1):
        events_of_live_rules()
