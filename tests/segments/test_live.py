"""The live rules: loaded once per revision, broken ones kept apart."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import transaction

from personalization.revisions import Revision
from personalization.rules.matcher import Matcher
from personalization.segments.live import live_rules
from personalization.segments.models import Segment
from tests.rules.building import feature, happened, rule, segment, trait

pytestmark = pytest.mark.django_db

PRO = rule(trait("plan", "=", "pro"))


def number() -> int:
    return Revision.objects.get(pk=Revision.ID).number


def test_without_segments_there_is_nothing() -> None:
    live = live_rules()
    assert (live.rules, live.manual, live.broken, live.revision) == ({}, {}, {}, 0)


def test_rules_are_kept_until_the_configuration_changes(
    make_segment: Callable[..., Segment], django_assert_num_queries: Any
) -> None:
    pros = make_segment("pros", PRO)
    first = live_rules()
    with django_assert_num_queries(1):
        assert live_rules() is first
    pros.rule = rule(trait("plan", "=", "free"))
    pros.save()
    assert live_rules() is not first
    serving, waiting = live_rules().of_segment[pros.pk]
    assert serving.rule == live_rules().rules[pros.pk] == first.rules[pros.pk]
    assert waiting.rule != serving.rule


@pytest.mark.parametrize(
    "change",
    [
        lambda made: made.save(),
        lambda made: made.delete(),
        lambda made: Segment.objects.filter(pk=made.pk).delete(),
        lambda made: Segment.objects.create(name="B", slug="b", rule=PRO),
    ],
    ids=["saved", "deleted", "deleted in bulk", "created"],
)
def test_every_change_raises_the_revision(
    make_segment: Callable[..., Segment], change: Callable[[Segment], Any]
) -> None:
    made = make_segment("pros", PRO)
    before = number()
    change(made)
    assert number() > before


def test_the_number_of_a_change_that_was_rolled_back_never_comes_again(
    make_segment: Callable[..., Segment],
) -> None:
    made = make_segment("pros", PRO)
    with transaction.atomic():
        made.save()
        rolled_back = number()
        transaction.set_rollback(True)
    made.save()
    assert number() > rolled_back


def test_switched_off_rules_do_not_count(make_segment: Callable[..., Segment]) -> None:
    make_segment("pros", PRO, active=False)
    assert live_rules().rules == {}


def test_a_broken_rule_is_kept_apart_with_its_reason(
    make_segment: Callable[..., Segment],
) -> None:
    pros = make_segment("pros", PRO)
    broken = make_segment("broken", {"version": 3, "root": PRO["root"]})
    live = live_rules()
    assert set(live.rules) == {pros.pk}
    assert "version" in live.broken[broken.pk]


def test_what_names_a_broken_segment_is_broken_and_says_which(
    make_segment: Callable[..., Segment],
) -> None:
    make_segment("inner", {}, name="Inner circle")
    outer = make_segment("outer", rule(segment("inner")))
    assert live_rules().broken[outer.pk] == (
        "/root/rules/0/slug: The rule of segment “Inner circle” is broken; repair it first."
    )


def test_segments_are_found_by_what_can_change_them(
    make_segment: Callable[..., Segment],
) -> None:
    made = {
        slug: make_segment(slug, stored).pk
        for slug, stored in {
            "pros": PRO,
            "buyers": rule(happened("Order Completed"), feature("visits.count", ">", 1)),
            "pro-buyers": rule(segment("pros"), segment("buyers")),
            "guests": rule(segment("vips")),
        }.items()
    }
    make_segment("vips")
    found = live_rules().segments_for
    assert found(["trait:plan"]) == {made["pros"], made["pro-buyers"]}
    assert found([f"counter:{Matcher('Order Completed').id}"]) == {
        made["buyers"],
        made["pro-buyers"],
    }
    assert found(["feature:visits.count", "trait:city"]) == {made["buyers"], made["pro-buyers"]}
    assert found(["segment:buyers"]) == {made["pro-buyers"]}
    assert found(["segment:vips"]) == {made["guests"]}
    assert found([f"counter:{Matcher('Page Viewed').id}"]) == set()


def test_the_plan_has_the_counters_of_all_rules(make_segment: Callable[..., Segment]) -> None:
    make_segment("few", rule(happened("Page Viewed", ">=", 2)))
    make_segment("many", rule(happened("Page Viewed", ">=", 9, last="P1D")))
    make_segment("buyers", rule(happened("Order Completed")))
    plan = live_rules().plan
    sizes = {name: [need.size for need in needs] for name, needs in plan.needs.items()}
    assert sizes == {"Page Viewed": [10], "Order Completed": [2]}
