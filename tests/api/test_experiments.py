"""Experiments, their results and earnings, as the site's own systems read them."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from personalization.experiments.models import Finding
from personalization.experiments.problems import problem
from personalization.experiments.results import (
    ArmFigures,
    Comparison,
    Interval,
    MetricResult,
    Result,
)
from tests.api.conftest import KEY, Api
from tests.experiments.analysis.world import NOW, START, make_experiment, make_goal, metric

pytestmark = pytest.mark.django_db

COMPARISON = Comparison(
    arm="b",
    verdict="better",
    difference=0.04,
    interval=Interval(0.003, None),
    lift=0.8,
    lift_interval=None,
    fixed=Interval(0.018, 0.062),
    p_value=0.02,
    adjusted_p=0.04,
    chance_to_win=0.99,
    risk=0.0,
    gained=40.5,
    gained_interval=Interval(3.0, 77.0),
    reduced_by=0.25,
)


def result(subject: str, *, name: str = "Orders", comparison: Comparison = COMPARISON) -> Result:
    return Result(
        subject=subject,
        since=START,
        until=NOW,
        arms=("a", "b"),
        units=(1020, 1004),
        shares_p=0.72,
        problems=(problem("window_open", metric="orders", share=0.31),),
        metrics=(
            MetricResult(
                metric="orders",
                name=name,
                kind="conversion",
                role="primary",
                less_is_better=False,
                arms=(
                    ArmFigures(arm="a", units=1020, mean=0.05),
                    ArmFigures(arm="b", units=1004, mean=0.09),
                ),
                comparisons=(comparison,),
            ),
        ),
    )


def find(subject: str, *, error: str = "", **fields: Any) -> Finding:
    content = {**result(subject, **fields).to_json(), "mark": {"event": 7, "of": "x"}}
    return Finding.objects.create(subject=subject, content=content, computed_at=NOW, error=error)


def read_csv(path: str) -> list[dict[str, str]]:
    response = Client(headers={"authorization": f"Bearer {KEY}"}).get(f"/p/v1/{path}")
    assert response.status_code == 200, response.content
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    assert response["Content-Disposition"].endswith('.csv"')
    assert "no-store" in response["Cache-Control"]
    assert response["X-Content-Type-Options"] == "nosniff"
    return list(csv.DictReader(io.StringIO(response.content.decode())))


# -- experiments ----------------------------------------------------------------------------


def test_an_experiment_is_told_with_its_arms_and_measures(api: Api) -> None:
    made = metric("conversion", slug="orders", goal=make_goal())
    make_experiment((made, "primary"), contents={"b": "variation:7"}, hypothesis="More orders.")
    assert api.get("experiments/blue") == {
        "slug": "blue",
        "name": "Blue",
        "hypothesis": "More orders.",
        "kind": "variations",
        "place": "hero",
        "audience": None,
        "coverage": 1.0,
        "allocation": "fixed",
        "status": "running",
        "startedAt": START.isoformat(),
        "endsAt": None,
        "stoppedAt": None,
        "conclusion": "",
        "arms": [
            {"key": "a", "name": "", "weight": 0.5, "content": ""},
            {"key": "b", "name": "", "weight": 0.5, "content": "variation:7"},
        ],
        "measures": [{"metric": "orders", "kind": "conversion", "role": "primary"}],
    }
    assert api.get("experiments/blue/") == api.get("experiments/blue")


def test_experiments_are_listed_a_page_at_a_time_for_the_same_number_of_queries(api: Api) -> None:
    for slug in ("one", "two", "three"):
        make_experiment((metric("bounce"), "primary"), slug=slug)
    first = api.get("experiments", limit=2)
    assert [one["slug"] for one in first["experiments"]] == ["one", "two"]
    second = api.get("experiments", limit=2, cursor=first["next"])
    assert ([one["slug"] for one in second["experiments"]], second["next"]) == (["three"], None)
    costs = []
    for limit in (1, 3):
        with CaptureQueriesContext(connection) as queries:
            api.get("experiments", limit=limit)
        costs.append(len(queries))
    assert costs[0] == costs[1]


@pytest.mark.parametrize("slug", ["nothing", "a%00b", "a'b", "x" * 300, "é"])
def test_an_unknown_one_is_not_found(api: Api, slug: str) -> None:
    for path in (f"experiments/{slug}", f"experiments/{slug}/results"):
        assert api.get(path, status=404)["code"] == "unknown_experiment"


# -- results ---------------------------------------------------------------------------------


def test_before_anything_was_found_there_is_no_result(api: Api) -> None:
    make_experiment()
    empty = {"computedAt": None, "error": "", "result": None}
    assert api.get("experiments/blue/results") == empty
    assert read_csv("experiments/blue/results.csv") == []
    Finding.objects.create(subject="experiment:blue", error="KeyError: x", computed_at=NOW)
    told = api.get("experiments/blue/results")
    assert (told["error"], told["result"]) == ("KeyError: x", None)
    assert read_csv("experiments/blue/results.csv") == []


def test_what_was_found_is_told_and_what_was_noted_beside_it_is_not(api: Api) -> None:
    make_experiment()
    find("experiment:blue", error="later: it broke")
    found = api.get("experiments/blue/results")
    assert (found["computedAt"], found["error"]) == (NOW.isoformat(), "later: it broke")
    assert found["result"] == {
        "subject": "experiment:blue",
        "since": START.isoformat(),
        "until": NOW.isoformat(),
        "arms": [{"key": "a", "units": 1020}, {"key": "b", "units": 1004}],
        "sharesP": 0.72,
        "problems": [
            {
                "code": "window_open",
                "severity": "warning",
                "values": {"metric": "orders", "share": 0.31},
            }
        ],
        "metrics": [
            {
                "metric": "orders",
                "name": "Orders",
                "kind": "conversion",
                "role": "primary",
                "lessIsBetter": False,
                "arms": [
                    {"arm": "a", "units": 1020, "mean": 0.05},
                    {"arm": "b", "units": 1004, "mean": 0.09},
                ],
                "comparisons": [
                    {
                        "arm": "b",
                        "verdict": "better",
                        "difference": 0.04,
                        "interval": {"low": 0.003, "high": None},
                        "lift": 0.8,
                        "liftInterval": None,
                        "fixedInterval": {"low": 0.018, "high": 0.062},
                        "pValue": 0.02,
                        "adjustedP": 0.04,
                        "chanceToWin": 0.99,
                        "risk": 0.0,
                        "gained": 40.5,
                        "gainedInterval": {"low": 3.0, "high": 77.0},
                        "reducedBy": 0.25,
                    }
                ],
            }
        ],
    }


def test_the_same_stands_in_a_csv_file(api: Api) -> None:
    make_experiment()
    find("experiment:blue", name="=1+1, “so”")
    first, second = read_csv("experiments/blue/results.csv")
    assert read_csv("experiments/blue/results?format=csv") == [first, second]
    assert (first["arm"], first["units"], first["verdict"], first["low"]) == ("a", "1020", "", "")
    assert second["name"] == "'=1+1, “so”"  # or a spreadsheet would compute it
    told = {key: second[key] for key in ("subject", "metric", "role", "arm", "mean", "verdict")}
    assert told == {
        "subject": "experiment:blue", "metric": "orders", "role": "primary", "arm": "b",
        "mean": "0.09", "verdict": "better",
    }  # fmt: skip
    assert (second["low"], second["high"], second["lift_low"]) == ("0.003", "", "")
    assert (second["gained"], second["gained_high"], second["reduced_by"]) == (
        "40.5", "77.0", "0.25",
    )  # fmt: skip


@pytest.mark.parametrize("path", ["experiments/blue/results", "earnings"])
def test_a_format_that_there_is_not_is_refused(api: Api, path: str) -> None:
    make_experiment()
    assert api.get(path, status=400, format="xlsx")["code"] == "unknown_format"
    assert api.get(path, format="json") == api.get(path)


# -- earnings --------------------------------------------------------------------------------


def test_earnings_are_told_by_what_they_are_of(api: Api) -> None:
    subjects = ("global", "holdout:hero/variation:1", "segment:new", "slot:footer", "slot:hero")
    for subject in ("experiment:blue", *subjects):
        find(subject)
    proposal = {"code": "retire", "subject": "holdout:hero/variation:1", "values": {"p": 0.01}}
    Finding.objects.create(subject="proposals", content={"proposals": [proposal]})
    found = api.get("earnings")
    assert found["global"]["result"]["subject"] == "global"
    assert [one["subject"] for one in found["slots"]] == ["slot:footer", "slot:hero"]
    assert [one["subject"] for one in found["segments"]] == ["segment:new"]
    assert [one["subject"] for one in found["contents"]] == ["holdout:hero/variation:1"]
    assert found["contents"][0]["result"]["arms"][0]["units"] == 1020
    assert found["proposals"] == [proposal]
    rows = read_csv("earnings.csv")
    assert sorted({row["subject"] for row in rows}) == sorted(subjects)


def test_before_anything_was_found_nothing_is_earned(api: Api) -> None:
    nothing: list[Any] = []
    assert api.get("earnings") == {
        "global": {"computedAt": None, "error": "", "result": None},
        "slots": nothing,
        "segments": nothing,
        "contents": nothing,
        "proposals": nothing,
    }
    assert read_csv("earnings?format=csv") == []


# -- who -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", ["experiments", "experiments/blue", "experiments/blue/results.csv", "earnings"]
)
def test_only_who_shows_the_key_of_a_server_reads_them(path: str, make_source: Any) -> None:
    make_experiment()
    Api().get(path, status=401)
    Api(authorization="Bearer nobody's").get(path, status=401)
    make_source(kind="browser", write_key="in every page")
    browser = Api(authorization="Bearer in every page")
    assert browser.get(path, status=403)["code"] == "server_key_needed"


def test_nothing_is_written_by_way_of_them(api: Api) -> None:
    make_experiment()
    for path in ("experiments", "experiments/blue", "experiments/blue/results", "earnings"):
        api.post(path, {}, status=405)
        api.delete(path, {}, status=405)
