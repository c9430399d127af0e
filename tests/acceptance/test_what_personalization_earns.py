"""What is planted in the demo's visitors is found, by the events alone: what a content earns, and
which one does harm.

Visitors are shown what the site decides, with the holdouts that it has by itself. Their profiles
and the strips have numbers of their own here, so that chance decides the same every time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import override_settings

from personalization.conf import settings
from personalization.delivery.models import Variation
from personalization.experiments.models import Experiment, Finding
from personalization.experiments.refresh import refresh_findings
from personalization.experiments.results import LEAST_UNITS, Comparison, MetricResult, Result
from project.shop.crowd import Passer, crowd, uplift
from project.shop.deciding import Site
from project.shop.seed import RUNNING_FOR, seed
from project.shop.simulate import shop_shelves
from tests.project.planting import write

pytestmark = [pytest.mark.slow, pytest.mark.django_db, pytest.mark.urls("project.urls")]

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
VISITORS = 4800
FIRST_PROFILE, FIRST_STRIP = 5_000_000, 7_000_000
#: Of what is kept, the results: of these kinds of subjects.
RESULTS = {"experiment", "holdout", "slot", "segment", "global"}
HERO = "hero/template:0:cart-abandoners"


@dataclass(frozen=True)
class Found:
    """What was found of a crowd of whom the truth is known."""

    people: Sequence[Passer]
    results: Mapping[str, Result]
    proposals: Sequence[Mapping[str, Any]]

    def metric(self, subject: str, slug: str) -> MetricResult:
        return next(one for one in self.results[subject].metrics if one.metric == slug)

    def comparison(self, subject: str, slug: str) -> Comparison:
        [one] = self.metric(subject, slug).comparisons
        return one

    def proposed(self, code: str) -> set[str]:
        return {one["subject"] for one in self.proposals if one["code"] == code}


def strip_for(segment: str) -> str:
    """Return under which name a strip of the home page is held out."""
    pk = Variation.objects.get(slot__slug="home-strip", segment__slug=segment).pk
    return f"home-strip/variation:{pk}"


def renumber_strips() -> None:
    for number, strip in enumerate(Variation.objects.filter(slot__slug="home-strip")):
        strip.delete()
        strip.pk = FIRST_STRIP + number
        strip.save(force_insert=True)


@pytest.fixture
def found() -> Iterator[Found]:
    with override_settings(PERSONALIZATION_HOLDOUT=0.1, PERSONALIZATION_GLOBAL_HOLDOUT=0.02):
        seed()
        renumber_strips()
        Experiment.objects.update(started_at=NOW - RUNNING_FOR)
        ids = [f"crowd{number:05}-1" for number in range(1, VISITORS + 1)]
        people = list(
            crowd(
                seed=1,
                now=NOW,
                visitors=VISITORS,
                shelves=shop_shelves(),
                site=Site.now(),
                profiles={name: FIRST_PROFILE + place for place, name in enumerate(ids)},
            )
        )
        write(people, until=NOW, first=FIRST_PROFILE)
        assert refresh_findings(now=NOW)
        rows = Finding.objects.filter(error="")
        assert rows.count() == Finding.objects.count()
        results = {
            row.subject: Result.from_json(row.content)
            for row in rows
            if row.subject.partition(":")[0] in RESULTS
        }
        proposals = rows.get(subject="proposals").content["proposals"]
        yield Found(people, results, proposals)


def test_what_is_planted_is_found_and_nothing_else(found: Found) -> None:
    the_hero_earns_what_was_planted(found)
    the_pushy_strip_is_proposed_for_retirement(found)
    what_has_no_effect_is_left_alone(found)
    the_better_arm_of_the_experiment_is_found(found)
    everybody_is_where_chance_put_them(found)


def the_hero_earns_what_was_planted(found: Found) -> None:
    orders = found.comparison(f"holdout:{HERO}", "order:conversion")
    assert covers(orders, uplift(found.people, HERO))
    assert orders.verdict == "better"
    assert orders.interval is not None
    assert orders.interval.low is not None
    assert orders.interval.low > 0
    worth = found.comparison(f"holdout:{HERO}", "order:value")
    assert worth.verdict == "better"
    assert worth.gained is not None
    assert worth.gained > 0
    assert found.comparison("segment:cart-abandoners", "order:value").verdict == "better"


def the_pushy_strip_is_proposed_for_retirement(found: Found) -> None:
    name = strip_for("browsers")
    orders = found.comparison(f"holdout:{name}", "order:conversion")
    truth = uplift(found.people, name)
    assert truth < 0
    assert covers(orders, truth)
    assert orders.verdict == "worse"
    assert found.proposed("retire") == {f"holdout:{name}"}


def what_has_no_effect_is_left_alone(found: Found) -> None:
    """The strip for those who abandoned their cart, for example, stands above the hero: an A/A."""
    subject = f"holdout:{strip_for('cart-abandoners')}"
    for slug in ("order:value", "order:conversion"):
        assert found.comparison(subject, slug).verdict == "unclear"
        assert covers(found.comparison(subject, slug), 0.0)
    assert subject not in found.proposed("retire")


def the_better_arm_of_the_experiment_is_found(found: Found) -> None:
    orders = found.comparison("experiment:cheapest-first", "orders")
    assert orders.arm == "prices"
    assert covers(orders, uplift(found.people, "cheapest-first"))
    assert orders.verdict == "better"
    assert found.comparison("experiment:cheapest-first", "order-value").verdict != "worse"
    assert found.proposed("ship") == {"experiment:cheapest-first"}
    assert found.proposed("stop") == set()


def everybody_is_where_chance_put_them(found: Found) -> None:
    """The shares are those of the site, and no health problem makes the numbers doubtful."""
    for name in (HERO, strip_for("browsers"), strip_for("cart-abandoners")):
        result = found.results[f"holdout:{name}"]
        held_out, shown = result.units
        assert held_out >= LEAST_UNITS
        assert held_out / (held_out + shown) == pytest.approx(settings.HOLDOUT, abs=0.03)
        assert [one.code for one in result.problems if one.severity == "error"] == []


def covers(comparison: Comparison, truth: float) -> bool:
    interval = comparison.interval
    assert interval is not None
    assert interval.low is not None
    assert interval.high is not None
    return interval.low <= truth <= interval.high
