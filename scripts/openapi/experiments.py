"""Experiments, what came of them, and what personalization earns, for the site's own systems."""

from __future__ import annotations

from personalization.experiments.problems import CODES
from scripts.openapi.parts import (
    ANYTHING,
    JSON,
    Part,
    answer,
    closed,
    operation,
    parameter,
    ref,
    refusals,
    schema,
)
from scripts.openapi.segments import CURSOR, INSTANT, MAYBE_INSTANT, SECURITY
from scripts.openapi.shared import COUNT
from scripts.openapi.shared import TEXT as WORDS

TAG = "Experiments"
CSV = "text/csv"
_SHARE: Part = {"type": "number", "minimum": 0, "maximum": 1}
_NUMBER: Part = {"type": ["number", "null"]}
_INTERVAL: Part = {"anyOf": [schema("Interval"), {"type": "null"}]}
_KIND: Part = {
    "enum": [
        "conversion",
        "count",
        "value",
        "ratio",
        "click_through",
        "engaged_time",
        "bounce",
        "return_visit",
    ]
}
_ROLE: Part = {"enum": ["primary", "secondary", "guardrail"]}


def _list(of: str) -> Part:
    return {"type": "array", "items": schema(of)}


_FOUND: dict[str, Part] = {
    "computedAt": {**MAYBE_INSTANT, "description": "null: not yet."},
    "error": {"type": "string", "description": "Why the last attempt failed; empty: it did not."},
    "result": {"anyOf": [schema("ExperimentResult"), {"type": "null"}]},
}

SCHEMAS: Part = {
    "Experiment": closed(
        slug=WORDS,
        name=WORDS,
        hypothesis={"type": "string"},
        kind={"enum": ["variations", "strategies", "rules", "models"]},
        place={"type": "string", "description": "Slot or list; empty: any."},
        audience={"type": ["string", "null"], "description": "Slug of a segment."},
        coverage=_SHARE,
        allocation={"enum": ["fixed", "thompson", "linucb", "inverse_gap"]},
        status={"enum": ["draft", "running", "stopped"]},
        startedAt=MAYBE_INSTANT,
        endsAt=MAYBE_INSTANT,
        stoppedAt=MAYBE_INSTANT,
        conclusion={"type": "string"},
        arms={
            "type": "array",
            "items": closed(
                key=WORDS, name={"type": "string"}, weight=_SHARE, content={"type": "string"}
            ),
        },
        measures={"type": "array", "items": closed(metric=WORDS, kind=_KIND, role=_ROLE)},
    ),
    "Experiments": closed(experiments=_list("Experiment"), next=CURSOR),
    "Interval": closed(low=_NUMBER, high=_NUMBER),
    "Comparison": closed(
        arm=WORDS,
        verdict={"enum": ["too_few", "unclear", "better", "worse"]},
        difference=_NUMBER,
        interval={**_INTERVAL, "description": "Always valid, of the difference."},
        lift=_NUMBER,
        liftInterval=_INTERVAL,
        fixedInterval={**_INTERVAL, "description": "Right for a single look."},
        pValue={**_NUMBER, "description": "Always valid."},
        adjustedP={**_NUMBER, "description": "By Holm, over the arms."},
        chanceToWin=_NUMBER,
        risk=_NUMBER,
        gained=_NUMBER,
        gainedInterval=_INTERVAL,
        reducedBy={**_NUMBER, "description": "Share of the variance that CUPED took away."},
    ),
    "MetricResult": closed(
        metric=WORDS,
        name=WORDS,
        kind=_KIND,
        role=_ROLE,
        lessIsBetter={"type": "boolean"},
        arms={"type": "array", "items": closed(arm=WORDS, units=COUNT, mean=_NUMBER)},
        comparisons=_list("Comparison"),
    ),
    "ResultProblem": closed(
        code={"enum": list(CODES)}, severity={"enum": ["error", "warning"]}, values=ANYTHING
    ),
    "ExperimentResult": closed(
        subject=WORDS,
        since=INSTANT,
        until=INSTANT,
        arms={"type": "array", "items": closed(key=WORDS, units=COUNT)},
        sharesP={**_NUMBER, "description": "p of the visitors being divided as they should be."},
        problems=_list("ResultProblem"),
        metrics=_list("MetricResult"),
    ),
    "Found": closed(**_FOUND),
    "Earned": closed(subject=WORDS, **_FOUND),
    "Proposal": closed(code={"enum": ["retire", "stop", "ship"]}, subject=WORDS, values=ANYTHING),
    "Earnings": closed(
        **{
            "global": schema("Found"),
            "slots": _list("Earned"),
            "segments": _list("Earned"),
            "contents": _list("Earned"),
            "proposals": _list("Proposal"),
        }
    ),
}

_SLUG: Part = {"name": "slug", "in": "path", "required": True, "schema": WORDS}
_FORMAT: Part = {"name": "format", "in": "query", "schema": {"enum": ["json", "csv"]}}
_ROWS: Part = {"type": "string", "description": "A row for each arm by each metric."}


def _refusals(*statuses: int) -> Part:
    own = {str(status): ref("responses", f"SegmentRefused{status}") for status in statuses}
    return {**own, **refusals(429, 503)}


def _read(name: str, summary: str, *, parameters: list[Part], media: Part, refused: Part) -> Part:
    stated = operation(
        name,
        summary,
        tag=TAG,
        parameters=parameters,
        responses={"200": answer("It.", media), **refused},
    )
    return {"get": {**stated, "security": SECURITY}}


PATHS: Part = {
    "/v1/experiments": _read(
        "experiments",
        "List the experiments",
        parameters=[parameter("Limit"), parameter("Cursor")],
        media={JSON: schema("Experiments")},
        refused=_refusals(400, 401, 403),
    ),
    "/v1/experiments/{slug}": _read(
        "experiment",
        "Read one experiment",
        parameters=[_SLUG],
        media={JSON: schema("Experiment")},
        refused=_refusals(401, 403, 404),
    ),
    "/v1/experiments/{slug}/results": _read(
        "results",
        "Read what came of an experiment",
        parameters=[_SLUG, _FORMAT],
        media={JSON: schema("Found"), CSV: _ROWS},
        refused=_refusals(400, 401, 403, 404),
    ),
    "/v1/experiments/{slug}/results.csv": _read(
        "resultsAsCsv",
        "Read what came of an experiment as a CSV file",
        parameters=[_SLUG],
        media={CSV: _ROWS},
        refused=_refusals(401, 403, 404),
    ),
    "/v1/earnings": _read(
        "earnings",
        "Read what personalization earns, and what is proposed",
        parameters=[_FORMAT],
        media={JSON: schema("Earnings"), CSV: _ROWS},
        refused=_refusals(400, 401, 403),
    ),
    "/v1/earnings.csv": _read(
        "earningsAsCsv",
        "Read what personalization earns as a CSV file",
        parameters=[],
        media={CSV: _ROWS},
        refused=_refusals(401, 403),
    ),
}
