"""How long an experiment takes, and what leaves its page: plans, files and previews."""

from __future__ import annotations

import csv
import json
from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import OperationalError
from django.test import Client
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from personalization.admin import experiment_planner
from personalization.admin.experiment_fields import PercentField, RampField
from personalization.admin.experiment_planner import counted, plan
from personalization.delivery.models import Slot
from personalization.experiments.models import Experiment, Measure, Metric
from personalization.experiments.ramps import ramp_steps
from personalization.experiments.told import COLUMNS, told_result
from tests.admin.experiments import (
    compared,
    experiment,
    find,
    hero,
    measured,
    metric,
    page,
    result,
    said,
    whole,
)

__all__ = ["experiment", "hero", "metric"]


# -- fields ---------------------------------------------------------------------------------


@given(st.floats(0, 1, allow_nan=False))
def test_a_share_comes_back_from_percent_as_it_was(share):
    field = PercentField()
    shown = field.prepare_value(share)
    assert field.clean(str(shown)) == pytest.approx(share, abs=1e-6)
    assert not field.has_changed(share, str(shown))


def test_what_was_typed_is_shown_again_as_it_was():
    assert PercentField().prepare_value("much") == "much"
    assert PercentField().prepare_value(None) is None
    assert PercentField().prepare_value(0.5) == 50
    assert RampField().prepare_value("soon") == "soon"


def test_a_ramp_comes_back_from_its_lines_as_it_was():
    field = RampField(required=False)
    steps = field.clean("2030-05-01 09:00 10 %\n\n2030-05-02T10:30 50,5%\n2030-05-03 09:00 100")
    shares = [share for _at, share in ramp_steps(steps) or ()]
    assert shares == [pytest.approx(0.1), pytest.approx(0.505), 1.0]
    assert field.clean(field.prepare_value(steps)) == steps
    assert not field.has_changed(steps, field.prepare_value(steps))
    assert field.clean("") == []


@pytest.mark.parametrize(
    "line", ["soon", "2030-05-01 50 %", "50 %", "2030-13-01 09:00 50 %", "2030-05-01 09:00 many %"]
)
def test_a_line_that_is_no_step_is_named(line):
    with pytest.raises(ValidationError, match="is no step"):
        RampField().clean(line)


@pytest.mark.parametrize("kept", [[["soon", 0.5]], [[]], [{"a": 1}], [["2030-05-01", None]]])
def test_a_ramp_that_nobody_can_read_is_shown_to_be_mended(kept):
    assert RampField().prepare_value(kept) == str(kept[0])


# -- plans ----------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_plan_begins_with_what_the_log_says(experiment, make_visitor):
    for n in range(10):
        done = [("Product Added", 24 * n + 2)]
        make_visitor(*done, *([("Order Completed", 24 * n + 1)] if n < 3 else []))
    make_visitor(("Order Completed", 24 * 40))  # too long ago
    log = counted(experiment, now=timezone.now())
    assert (log.visitors, log.reached, log.rate) == (10, 3, pytest.approx(0.3))
    told = plan(experiment, {}, now=timezone.now())
    assert told.known == "Visitors in the last 28 days: 10; 3 of them reached the goal."
    assert "visitors in each of 2 arms" in told.sentence


@pytest.mark.django_db
def test_without_a_log_it_asks_for_what_is_known(experiment):
    told = plan(experiment, {}, now=timezone.now())
    assert told.sentence == ""
    assert "Say all three" in told.problem
    assert "type what you know" in told.known


@pytest.mark.django_db
def test_units_become_days_by_visitors_share_and_arms(experiment):
    asked = {"rate": "10", "per_day": "1000", "lift": "20"}
    told = plan(experiment, asked, now=timezone.now())
    units, days = (int(word.replace(",", "")) for word in told.sentence.split() if word[0].isdigit() and word != "2")  # fmt: skip
    assert units > 3834  # looking every day costs more than a single look
    assert days == -(-2 * units // 1000)
    Experiment.objects.update(coverage=0.5)
    experiment.refresh_from_db()
    slower = plan(experiment, asked, now=timezone.now()).sentence
    assert f"{-(-4 * units // 1000)} days" in slower


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"rate": "60", "per_day": "10", "lift": "100"}, "choose a smaller lift"),
        ({"rate": "", "per_day": "10", "lift": "100"}, "Say all three"),
        ({"rate": "10", "per_day": "10", "lift": "0.1"}, ""),
    ],
)
def test_what_cannot_be_planned_is_said(experiment, asked, told):
    planned = plan(experiment, asked, now=timezone.now())
    assert told in planned.problem
    assert bool(planned.problem) != bool(planned.sentence)


@pytest.mark.django_db
def test_a_plan_that_takes_too_long_says_what_could_be_found(experiment):
    asked = {"rate": "10", "per_day": "1000", "lift": "1"}
    assert "In 28 days a lift of" in plan(experiment, asked, now=timezone.now()).hint
    asked = {"rate": "10", "per_day": "0.1", "lift": "1"}
    assert "Take a goal that more visitors reach" in plan(experiment, asked, now=timezone.now()).hint  # fmt: skip


@pytest.mark.django_db
@pytest.mark.parametrize("asked", [{"rate": "x"}, {"rate": "0"}, {"lift": "-5"}, {"per_day": "0"}, {"rate": "nan"}])  # fmt: skip
def test_numbers_that_are_none_are_told_at_their_field(experiment, asked):
    told = plan(experiment, asked, now=timezone.now())
    assert list(told.form.errors) == list(asked)
    assert told.sentence == told.problem == ""


@pytest.mark.django_db
def test_a_log_that_takes_too_long_is_left_out(experiment, monkeypatch):
    def slow(*args: Any, **kwargs: Any) -> Any:
        raise OperationalError("interrupted")

    monkeypatch.setattr(experiment_planner, "bounded", slow)
    assert counted(experiment, now=timezone.now()).visitors == 0


@pytest.mark.django_db
def test_without_a_goal_visitors_alone_are_counted(experiment, make_visitor):
    make_visitor(("Product Added", 1))
    Measure.objects.all().delete()
    assert plan(experiment, {}, now=timezone.now()).known == "Visitors in the last 28 days: 1."


@pytest.mark.django_db
def test_the_page_of_a_draft_has_the_plan_for_who_may_see_events(
    owner: Client, sign_in: Any, experiment: Experiment
) -> None:
    asked = {"rate": "10", "per_day": "1000", "lift": "20"}
    text = said(owner.get(page("change", experiment.pk), asked))
    assert "How long it will take" in text
    assert "visitors in each of 2 arms" in text
    looking = sign_in("view_experiment", "change_experiment")
    assert "How long it will take" not in said(looking.get(page("change", experiment.pk), asked))


# -- files and previews ---------------------------------------------------------------------


@pytest.mark.django_db
def test_results_are_files(owner: Client, experiment: Experiment) -> None:
    found = result(measured(compared(), compared("too_few", "c")))
    find(found)
    file = owner.get(page("json", experiment.pk))
    assert json.loads(file.content)["result"] == json.loads(json.dumps(told_result(found)))
    assert file["Content-Disposition"] == 'attachment; filename="red-hero.json"'
    rows = list(csv.DictReader(owner.get(page("csv", experiment.pk)).content.decode().splitlines()))
    assert [row["arm"] for row in rows] == ["a", "b", "c"]
    assert [row["verdict"] for row in rows] == ["", "better", "too_few"]
    assert rows[1]["lift_low"] == "0.04"
    assert rows[0]["mean"] == rows[2]["gained"] == ""


@pytest.mark.django_db
def test_a_file_is_no_formula(owner: Client, experiment: Experiment) -> None:
    find(result(measured(metric="=1+1", arms=measured().arms)))
    assert "'=1+1" in owner.get(page("csv", experiment.pk)).content.decode()


@pytest.mark.django_db
def test_before_anything_is_found_files_are_empty(owner: Client, experiment: Experiment) -> None:
    assert json.loads(owner.get(page("json", experiment.pk)).content)["result"] is None
    assert owner.get(page("csv", experiment.pk)).content.decode().split() == [",".join(COLUMNS)]
    assert "no such experiment" in said(owner.get(page("csv", 10**30), follow=True))


@pytest.mark.django_db
def test_arms_are_previewed_while_they_can_be(
    owner: Client, sign_in: Any, hero: Slot, metric: Metric
) -> None:
    for status, shown in {"draft": True, "running": True, "stopped": False}.items():
        one = whole(hero, metric, slug=status, status=status, started_at=timezone.now() - timedelta(days=1))  # fmt: skip
        text = said(owner.get(page("change", one.pk)))
        assert (f"{status}%3Ab" in text) == shown, status
        looking = said(sign_in("view_experiment").get(page("change", one.pk)))
        assert f"{status}%3Ab" not in looking
