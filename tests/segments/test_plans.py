"""What snapshots keep of another plan is used again, and what is too much is dropped."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from personalization.profiles.models import Snapshot
from personalization.profiles.plan import Plan, plan
from personalization.rules.parse import parse
from personalization.segments.plans import kept_by, narrow, note_plan, sizes, wider_plans
from tests.rules.building import happened, rule

pytestmark = pytest.mark.django_db


def planned(*children: Any) -> Plan:
    leaves = parse(rule(*children)).leaves() if children else ()
    return plan(need for leaf in leaves for need in leaf.needs())


SMALL, LARGE = happened("A", last="PT1H"), happened("A", ">=", 9, last="PT1H")


def test_a_plan_with_more_is_wider() -> None:
    one, both_ = planned(SMALL), planned(SMALL, happened("B"))
    note_plan(both_)
    assert wider_plans(one) == {both_.id}
    note_plan(one)
    assert wider_plans(both_) == frozenset()


def test_a_plan_that_keeps_another_amount_is_not() -> None:
    note_plan(planned(LARGE))
    assert wider_plans(planned(SMALL)) == frozenset()


def test_a_plan_with_other_features_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    wide = planned(SMALL, happened("B"))
    note_plan(wide)
    monkeypatch.setattr("personalization.segments.plans.kept", lambda weights: ["another"])
    assert wider_plans(planned(SMALL)) == frozenset()
    assert kept_by(wide.id, wanted=planned(SMALL)) is None


def test_what_a_plan_keeps_is_remembered_once() -> None:
    first = planned(SMALL)
    note_plan(first)
    note_plan(first)
    assert kept_by(first.id, wanted=planned(LARGE)) == sizes(first)


def test_the_plan_of_a_site_without_rules_needs_no_memory() -> None:
    assert kept_by(planned().id, wanted=planned(SMALL)) == {}


@pytest.mark.parametrize("unknown", ["", "never heard of"])
def test_nothing_is_said_of_an_unknown_plan(unknown: str) -> None:
    assert kept_by(unknown, wanted=planned(SMALL)) is None


def test_a_snapshot_is_narrowed(make_profile: Callable[..., Any]) -> None:
    wanted = planned(SMALL)
    (key,) = sizes(wanted)
    kept = {"n": [5], "t": 1, "f": 5}
    profile = make_profile(counters={key: kept, "another": kept}, plan="wide")
    found = Snapshot.objects.get(pk=profile.pk)
    narrow(found, wanted)
    assert (found.counters, found.plan) == ({key: kept}, wanted.id)
