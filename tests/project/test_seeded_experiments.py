"""The demo counts what earns, and an experiment runs in it as a site owner would have started it."""

from __future__ import annotations

import pytest
from django.utils import timezone

from personalization.delivery.choose import choose
from personalization.delivery.standing import Standing
from personalization.events.goals import Goal
from personalization.experiments.models import Experiment, Measure, Metric
from project.shop import seed
from project.shop.data.experiments import EXPERIMENTS, GOALS, METRICS
from project.shop.deciding import Site

pytestmark = pytest.mark.usefixtures("shop")


def test_goals_and_metrics_are_seeded_and_those_of_a_site_owner_stay() -> None:
    assert Goal.objects.count() == len(GOALS)
    assert Metric.objects.count() == len(METRICS)
    Goal.objects.filter(slug="order").update(name="Sale")
    seed.seed()
    assert Goal.objects.get(slug="order").name == "Sale"
    assert Goal.objects.count() == len(GOALS)


def test_an_order_has_a_worth_so_that_money_is_what_is_earned() -> None:
    assert Goal.objects.get(slug="order").value_property == "total"


def test_the_experiment_runs_since_before_the_simulated_visitors_came() -> None:
    [experiment] = Experiment.objects.running()
    assert experiment.started_at is not None
    assert timezone.now() - experiment.started_at > seed.RUNNING_FOR - (seed.RUNNING_FOR / 100)
    roles = set(experiment.measures.values_list("role", flat=True))
    assert {Measure.Role.PRIMARY, Measure.Role.GUARDRAIL} <= roles


def test_an_experiment_that_was_stopped_is_not_started_again() -> None:
    Experiment.objects.update(status=Experiment.Status.STOPPED)
    assert seed.seed().experiments == len(EXPERIMENTS)
    assert not Experiment.objects.running().exists()


def test_both_arms_show_what_their_names_promise() -> None:
    place = Site.now().place("category-banner")
    shown = {
        decision.assigned[-1].arm: decision.variation
        for unit in range(40)
        for decision in [choose(place, Standing(unit=str(unit)))]
        if decision.assigned
    }
    assert shown == {"sizes": "", "prices": "template:0:bargain-hunters"}
