"""What rules cost is measured with rules that hold, for visitors who do what they look at."""

from __future__ import annotations

import random
from contextlib import nullcontext
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from personalization.events.models import Event
from personalization.segments.live import live_rules
from personalization.segments.models import Membership, Segment
from personalization.segments.settle import settle_memberships
from project.benchmarks import rules_bulk, rules_departures, rules_events
from project.benchmarks.results import Effort
from project.benchmarks.rules_world import Doings, seed_rules, seed_visitors

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def database_of_the_test(monkeypatch: pytest.MonkeyPatch) -> None:
    """Measure in the database that is thrown away after the test anyhow."""
    for module in (rules_bulk, rules_departures, rules_events):
        monkeypatch.setattr(module, "throwaway_database", nullcontext)
    monkeypatch.setattr(rules_bulk, "_tidy", lambda: None)


def test_every_rule_can_be_used_and_few_look_at_one_event() -> None:
    seed_rules(200)
    live = live_rules()
    assert live.broken == {}
    assert len(live.rules) == 200
    tokens = [token for token in live.touched_by if token.startswith("counter:")]
    assert len(tokens) > 50
    assert max(len(live.touched_by[token]) for token in tokens) < 20


def test_visitors_do_the_same_every_time() -> None:
    one, other = (Doings(random.Random(1)) for _ in range(2))
    assert [one.next() for _ in range(50)] == [other.next() for _ in range(50)]
    assert one.at == other.at


def test_filling_in_bulk_is_held_against_one_pass() -> None:
    (result,) = rules_bulk.bulk_results(Effort(profiles=100))
    assert (result.name, result.unit) == ("bulk_vs_single_pass", "times")
    assert result.value == result.ratio
    assert result.value > 0
    assert Event.objects.count() == 2000
    assert Membership.objects.count() > 0
    assert not Segment.objects.filter(refreshed_at=None).exists()


def test_memberships_are_prepared_to_end_at_random_instants(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rules_departures, "BEGINNING", 60.0)
    before = timezone.now()
    first = rules_departures._prepare(100)
    ends = sorted(one.until for one in Membership.objects.all() if one.until is not None)
    assert len(ends) == len(set(ends)) == 100
    assert first <= ends[0]
    assert ends[-1] <= first + timedelta(seconds=1)
    assert settle_memberships(now=before) == 0
    assert settle_memberships(now=ends[-1]) == 100


def test_a_claim_of_events_is_measured_down_to_the_memberships(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rules_events, "CLAIM", 50)
    monkeypatch.setattr(rules_events, "PRESENT", 5)
    costs = rules_events._measure(10, Effort(rounds=3))
    assert 0 < costs.event < 1e6
    assert 0 < costs.clock < 1e6
    assert 0 < costs.evaluation < 1e6
    assert costs.snapshot_bytes > 100
    assert Event.objects.count() == 250


def test_visitors_are_added_to_those_that_are_there() -> None:
    first, second = seed_visitors(3), seed_visitors(2)
    assert first.profile_ids == second.profile_ids[:3]
    assert len(second.identity_ids) == 5


def test_the_figures_have_the_names_that_are_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def costs(n: int, effort: Any) -> rules_events.Costs:
        return rules_events.Costs(
            event=50.0 + n / 10, clock=90.0, evaluation=9.0, snapshot_bytes=700.0
        )

    monkeypatch.setattr(rules_events, "_measure", costs)
    found = {one.name: one.value for one in rules_events.event_results(Effort())}
    assert found["us_per_event_100_rules"] == pytest.approx(10.0)
    assert found["us_per_event_growth"] == pytest.approx(100.0)
    assert set(found) == {
        "us_per_event_10_rules",
        "us_per_event_100_rules",
        "us_per_event_1000_rules",
        "us_per_event_growth",
        "us_per_evaluation",
        "snapshot_bytes_median",
    }
