"""What other policies would have earned is kept with what is found about an experiment."""

from __future__ import annotations

import pytest

from personalization.experiments import policies
from personalization.experiments.models import Experiment, Finding
from personalization.experiments.policies import what_if
from personalization.experiments.refresh import refresh_findings
from tests.experiments.bandits.logs import NOW, Shown, log, make_experiment

pytestmark = pytest.mark.django_db


def _experiment() -> Experiment:
    experiment = make_experiment("usual", "new", allocation="fixed", slug="hero-test")
    log(experiment, [Shown("usual", 10.0 * (n % 2)) for n in range(120)])
    log(experiment, [Shown("new", 10.0 * (n % 3 == 0)) for n in range(120)])
    return experiment


def test_a_refresh_keeps_the_policies_of_each_experiment() -> None:
    experiment = _experiment()
    refresh_findings(now=NOW)
    content = Finding.objects.get(subject="policies:hero-test").content
    assert content["policies"] == [one.to_json() for one in what_if(experiment, now=NOW)]
    names = [one["policy"] for one in content["policies"]]
    assert names == ["logged", "always:usual", "always:new", "shares"]
    assert content["policies"][1]["dr"]["value"] == pytest.approx(0.5, abs=0.02)


def test_policies_that_cannot_be_told_of_leave_the_results_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _experiment()

    def fails(*args: object, **named: object) -> None:
        raise ValueError("no chances")

    monkeypatch.setattr(policies, "log_of", fails)
    refresh_findings(now=NOW)
    assert Finding.objects.get(subject="policies:hero-test").error == "ValueError: no chances"
    assert Finding.objects.get(subject="experiment:hero-test").error == ""
