"""Published reports, for the site's own systems."""

from __future__ import annotations

from scripts.openapi.parts import (
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
from scripts.openapi.segments import CURSOR, INSTANT, SECURITY
from scripts.openapi.shared import COUNT
from scripts.openapi.shared import TEXT as WORDS

TAG = "Reports"
_AMOUNT: Part = {"type": "number", "minimum": 0}
_NOISE: dict[str, Part] = {
    "scale": {**_AMOUNT, "description": "Scale of the discrete Laplace noise of each count."},
    "delta": {**_AMOUNT, "description": "δ of the report."},
}

SCHEMAS: Part = {
    "SegmentSizes": closed(segments={"type": "array", "items": WORDS}, **_NOISE),
    "Funnel": closed(
        steps={"type": "array", "items": WORDS},
        windowSeconds=_AMOUNT,
        since=INSTANT,
        until=INSTANT,
        **_NOISE,
    ),
    "ReportedCount": closed(
        name=WORDS,
        count={"type": ["integer", "null"], "description": "null: too few to be shown."},
        error={**COUNT, "description": "It is farther off in one case of twenty."},
    ),
    "Report": closed(
        uid={"type": "string", "format": "uuid"},
        kind={"enum": ["segments", "funnel"]},
        title=WORDS,
        definition={"anyOf": [schema("SegmentSizes"), schema("Funnel")]},
        epsilon={**_AMOUNT, "description": "What it has spent of the privacy budget."},
        threshold=COUNT,
        publishedAt=INSTANT,
        counts={"type": "array", "items": schema("ReportedCount")},
    ),
    "Reports": closed(reports={"type": "array", "items": schema("Report")}, next=CURSOR),
}

_UID: Part = {
    "name": "uid",
    "in": "path",
    "required": True,
    "schema": {"type": "string", "format": "uuid"},
}


def _refusals(*statuses: int) -> Part:
    own = {str(status): ref("responses", f"SegmentRefused{status}") for status in statuses}
    return {**own, **refusals(429, 503)}


PATHS: Part = {
    "/v1/reports": {
        "get": {
            **operation(
                "reports",
                "List the published reports",
                tag=TAG,
                parameters=[parameter("Limit"), parameter("Cursor")],
                responses={
                    "200": answer("A page of them.", {JSON: schema("Reports")}),
                    **_refusals(400, 401, 403),
                },
            ),
            "security": SECURITY,
        }
    },
    "/v1/reports/{uid}": {
        "get": {
            **operation(
                "report",
                "Read one report",
                tag=TAG,
                parameters=[_UID],
                responses={
                    "200": answer("It.", {JSON: schema("Report")}),
                    **_refusals(401, 403, 404),
                },
            ),
            "security": SECURITY,
        }
    },
}
