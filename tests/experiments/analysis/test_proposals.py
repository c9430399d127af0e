"""What is proposed: to retire what loses, to stop what does harm, to ship what is better."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from personalization.experiments.comparing import metric_result
from personalization.experiments.measuring import Measured
from personalization.experiments.problems import problem
from personalization.experiments.proposals import Proposal, proposals
from personalization.experiments.results import Result
from personalization.experiments.statistics.samples import Proportion
from tests.experiments.analysis.world import NOW, START, metric


def result(
    *metrics: tuple[str, list[int]], subject: str = "experiment:blue", n: int = 1000, **fields: Any
) -> Result:
    """Return a result with metrics of a role, each with how many of `n` in each arm did it."""
    arms = [chr(97 + place) for place in range(len(metrics[0][1]))]
    return Result(
        subject=subject,
        since=START,
        until=NOW,
        arms=tuple(arms),
        units=(n,) * len(arms),
        shares_p=1.0,
        problems=fields.pop("problems", ()),
        metrics=tuple(
            metric_result(
                Measured(
                    metric=metric("conversion", slug=f"m{place}", **fields),
                    role=role,
                    samples=tuple(Proportion(n, successes) for successes in counts),
                    amounts=(float(n),) * len(arms),
                ),
                arms,
            )
            for place, (role, counts) in enumerate(metrics)
        ),
    )


def told(found: list[Proposal]) -> list[tuple[str, str, Any]]:
    return [(one.code, one.subject, one.values.get("arm")) for one in found]


def of_running(*results: Result) -> list[tuple[str, str, Any]]:
    return told(proposals(running=results, holdouts=()))


def of_holdouts(*results: Result) -> list[Proposal]:
    return proposals(running=(), holdouts=results)


# -- experiments ----------------------------------------------------------------------------


def test_the_best_of_the_better_arms_is_to_be_shipped() -> None:
    found = of_running(result(("primary", [300, 400, 500, 300])))
    assert found == [("ship", "experiment:blue", "c")]
    assert of_running(result(("primary", [300, 310]))) == []
    assert of_running(result(("primary", [400, 300]))) == []


def test_of_what_should_be_less_the_least_is_best() -> None:
    found = of_running(result(("primary", [500, 400, 300]), less_is_better=True))
    assert found == [("ship", "experiment:blue", "c")]


def test_an_arm_has_to_be_better_by_all_that_decides() -> None:
    assert of_running(result(("primary", [300, 500]), ("primary", [300, 300]))) == []
    assert of_running(result(("primary", [300, 500]), ("secondary", [300, 300]))) != []


def test_what_breaks_a_guardrail_is_to_be_stopped_though_it_is_better() -> None:
    found = of_running(result(("primary", [300, 500]), ("guardrail", [500, 300])))
    assert found == [("stop", "experiment:blue", "b")]


def test_where_visitors_are_divided_badly_nothing_is_to_be_shipped_but_harm_is_stopped() -> None:
    broken = (problem("shares", p=1e-9, expected={}, counted={}),)
    assert of_running(result(("primary", [300, 500]), problems=broken)) == []
    stopped = of_running(result(("guardrail", [500, 300]), problems=broken))
    assert stopped == [("stop", "experiment:blue", "b")]


def test_without_anything_that_decides_nothing_is_proposed() -> None:
    assert of_running(result(("secondary", [300, 500]))) == []


# -- contents -------------------------------------------------------------------------------


def test_what_loses_is_to_be_retired_with_what_it_costs() -> None:
    [one] = of_holdouts(
        result(("primary", [500, 300]), subject="holdout:hero/variation:1"),
        result(("primary", [300, 500]), subject="holdout:hero/variation:2"),
        result(("primary", [300, 301]), subject="holdout:hero/variation:3"),
    )
    assert (one.code, one.subject) == ("retire", "holdout:hero/variation:1")
    assert one.values["difference"] == pytest.approx(-0.2)
    assert one.values["gained"] == pytest.approx(-200)
    assert one.values["high"] < 0
    assert one.to_json() == {"code": "retire", "subject": one.subject, "values": dict(one.values)}


def test_what_loses_something_else_than_what_decides_stays() -> None:
    assert of_holdouts(result(("primary", [300, 300]), ("secondary", [500, 300]))) == []


def test_few_visitors_retire_nothing() -> None:
    assert of_holdouts(result(("primary", [90, 1]), n=99)) == []


def test_what_would_be_retired_alone_stays_among_many_that_do_nothing() -> None:
    loser = result(("primary", [500, 420]))
    assert len(of_holdouts(loser)) == 1
    crowd = [result(("primary", [500, 500])) for _ in range(30)]
    assert of_holdouts(loser, *crowd) == []


def test_a_site_whose_contents_do_nothing_is_hardly_ever_told_to_retire_one() -> None:
    rng = np.random.default_rng(7)
    bothered = 0
    for _ in range(100):
        site = [result(("primary", rng.binomial(1000, 0.3, 2).tolist())) for _ in range(8)]
        bothered += bool(of_holdouts(*site))
    assert bothered <= 5
