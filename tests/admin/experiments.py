"""A shop with something to compare, and results of it, for tests of the pages of experiments."""

from __future__ import annotations

import html
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from personalization.delivery.models import Slot, Variation
from personalization.events.goals import Goal
from personalization.experiments.models import Arm, Experiment, Finding, Measure, Metric
from personalization.experiments.results import (
    ArmFigures,
    Comparison,
    Interval,
    MetricResult,
    Problem,
    Result,
)
from personalization.segments.models import Segment

LIST = reverse("admin:personalization_experiment_changelist")
ADD = reverse("admin:personalization_experiment_add")
EARNINGS = reverse("admin:personalization_experiment_earnings")
SINCE = datetime(2026, 3, 2, 9, tzinfo=UTC)


def page(name: str, pk: int) -> str:
    return reverse(f"admin:personalization_experiment_{name}", args=(pk,))


def said(response: Any) -> str:
    assert response.status_code == 200, response
    return html.unescape(response.content.decode())


@pytest.fixture
def hero(db: None) -> Slot:
    """A slot with two contents for everybody in a segment kept by hand."""
    guests = Segment.objects.create(slug="guests", name="Guests", kind=Segment.Kind.MANUAL)
    slot = Slot.objects.create(slug="promo", name="Promo")
    for name in ("Red", "Blue"):
        Variation.objects.create(slot=slot, segment=guests, name=name, content=f"<p>{name}</p>")
    return slot


@pytest.fixture
def metric(db: None) -> Metric:
    goal = Goal.objects.create(
        slug="order", name="Order", event="Order Completed", value_property="total"
    )
    return Metric.objects.create(slug="orders", name="Orders", kind="conversion", goal=goal)


@pytest.fixture
def experiment(hero: Slot, metric: Metric) -> Experiment:
    """A draft that is whole: the default of the hero beside the red one."""
    return whole(hero, metric)


def whole(slot: Slot, metric: Metric, **fields: Any) -> Experiment:
    usual = {"slug": "red-hero", "name": "Red hero", "place": slot.slug}
    experiment = Experiment.objects.create(**{**usual, **fields})
    red = slot.variations.get(name="Red")
    Arm.objects.create(experiment=experiment, key="a", name="Default", position=0, weight=0.5)
    Arm.objects.create(
        experiment=experiment, key="b", name="Red", position=1, weight=0.5, content=red.key
    )
    Measure.objects.create(experiment=experiment, metric=metric)
    return experiment


def form_of(experiment: Experiment | None = None, **fields: Any) -> dict[str, Any]:
    """Return what a browser posts of the form, with these fields changed."""
    form = {
        "name": "Red hero", "slug": "red-hero", "hypothesis": "", "kind": "variations",
        "place": "promo", "audience": "", "coverage": "100", "ramp": "", "namespace": "",
        "namespace_from": "0", "namespace_until": "100", "starts_at_0": "", "starts_at_1": "",
        "ends_at_0": "", "ends_at_1": "", "allocation": "fixed", "seed": "", "conclusion": "",
    }  # fmt: skip
    if experiment is None:
        arms: list[Any] = [{}, {}]
        measures: list[Any] = [{}]
    else:
        form |= {"seed": experiment.seed}
        arms = [
            {"id": arm.pk, "experiment": experiment.pk, "content": arm.content, "name": arm.name,
             "weight": f"{100 * arm.weight:g}"}
            for arm in experiment.arms.order_by("position")
        ]  # fmt: skip
        measures = [
            {"id": one.pk, "experiment": experiment.pk, "metric": one.metric_id, "role": one.role}
            for one in experiment.measures.all()
        ]
    for prefix, rows in (("arms", arms), ("measures", measures)):
        initial = 0 if experiment is None else len(rows)
        form |= {
            f"{prefix}-TOTAL_FORMS": len(rows), f"{prefix}-INITIAL_FORMS": initial,
            f"{prefix}-MIN_NUM_FORMS": 0, f"{prefix}-MAX_NUM_FORMS": 1000,
        }  # fmt: skip
        form |= {f"{prefix}-{n}-{k}": v for n, row in enumerate(rows) for k, v in row.items()}
    return {**form, **{name.replace("__", "-"): value for name, value in fields.items()}}


def save(client: Client, experiment: Experiment, **fields: Any) -> Any:
    """Post the form of a saved experiment as it is, with these fields changed."""
    return client.post(page("change", experiment.pk), form_of(experiment, **fields), follow=True)


def errors_of(response: Any) -> dict[str, list[str]]:
    """Return what a page says at its fields: of the form, of `arms` and of `measures`."""
    assert response.status_code == 200, response
    if "adminform" not in response.context:
        return {}
    found = {name: list(told) for name, told in response.context["adminform"].form.errors.items()}
    for inline in response.context["inline_admin_formsets"]:
        prefix = inline.formset.prefix
        if told := inline.formset.non_form_errors():
            found[prefix] = list(told)
        for n, form in enumerate(inline.formset.forms):
            found |= {f"{prefix}-{n}-{name}": list(told) for name, told in form.errors.items()}
    return found


# -- results --------------------------------------------------------------------------------


def compared(verdict: str = "better", arm: str = "b", **fields: Any) -> Comparison:
    if verdict == "too_few":
        return Comparison(arm=arm, verdict="too_few")
    sign = -1 if verdict == "worse" else 1
    low = 0.04 if verdict != "unclear" else -0.03
    usual = {
        "difference": sign * 0.012, "interval": _between(low / 10, 0.02, sign),
        "lift": sign * 0.12, "lift_interval": _between(low, 0.2, sign), "p_value": 0.01,
        "fixed": _between(low / 10, 0.02, sign), "adjusted_p": 0.01, "chance_to_win": 0.97,
        "risk": 0.001, "gained": sign * 1240.0, "gained_interval": _between(310, 2170, sign),
    }  # fmt: skip
    return Comparison(arm=arm, verdict=verdict, **{**usual, **fields})  # type: ignore[arg-type]


def _between(low: float, high: float, sign: int) -> Interval:
    return Interval(low, high) if sign > 0 else Interval(-high, -low)


def measured(*comparisons: Comparison, **fields: Any) -> MetricResult:
    found = comparisons or (compared(),)
    few = any(one.verdict == "too_few" for one in found)
    usual = {
        "metric": "orders", "name": "Orders", "kind": "conversion", "role": "primary",
        "less_is_better": False, "comparisons": found,
        "arms": (
            ArmFigures(arm="a", units=40 if few else 1000, mean=None if few else 0.1),
            *(
                ArmFigures(arm=one.arm, units=62 if few else 1010, mean=None if few else 0.112)
                for one in found
            ),
        ),
    }  # fmt: skip
    return MetricResult(**{**usual, **fields})


def result(*metrics: MetricResult, problems: tuple[Problem, ...] = (), **fields: Any) -> Result:
    shown = metrics or (measured(),)
    usual = {
        "subject": "experiment:red-hero", "since": SINCE, "until": SINCE + timedelta(days=14),
        "arms": tuple(one.arm for one in shown[0].arms),
        "units": tuple(one.units for one in shown[0].arms), "shares_p": 0.6,
    }  # fmt: skip
    return Result(**{**usual, "metrics": shown, "problems": problems, **fields})


def earning(subject: str, verdict: str = "better", **fields: Any) -> Result:
    """Return what is found about a holdout."""
    found = compared(verdict, arm="shown", **fields)
    units = (40, 62) if verdict == "too_few" else (500, 4500)
    arms = (ArmFigures(arm="held_out", units=units[0], mean=None),
            ArmFigures(arm="shown", units=units[1], mean=None))  # fmt: skip
    metric = measured(found, metric="order:value", name="Order", kind="value", arms=arms)
    return result(metric, subject=subject, arms=("held_out", "shown"), units=units)


def find(found: Result, **fields: Any) -> Finding:
    """Keep a result as a finding."""
    content = {**found.to_json(), "mark": {"event": 1, "of": "x"}}
    finding, _made = Finding.objects.update_or_create(
        subject=found.subject, defaults={"content": content, "computed_at": timezone.now(), **fields}
    )  # fmt: skip
    return finding
