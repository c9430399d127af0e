"""What is recommended, for pages and front ends that ask for it by themselves."""

from __future__ import annotations

from scripts.openapi.parts import JSON, Part, answer, closed, operation, refusals, schema
from scripts.openapi.shared import CODE
from scripts.openapi.shared import TEXT as WORDS
from scripts.openapi.slots import ASSIGNED, MAYBE_WORDS, PROOF, SECURITY

_SHARE: Part = {"type": "number", "minimum": 0, "maximum": 1}

SCHEMAS: Part = {
    "Item": closed(
        key=WORDS,
        kind=WORDS,
        title=WORDS,
        url=WORDS,
        image=WORDS,
        category=WORDS,
        tags={"type": "array", "items": WORDS},
        price={"type": ["string", "null"], "description": "A decimal number."},
    ),
    "Recommendation": closed(
        position={"type": "integer", "minimum": 1},
        item=schema("Item"),
        score={"type": "number", "minimum": 0},
        propensity={**_SHARE, "description": "With what probability it stands there."},
        reason=closed(
            code=CODE,
            item={**MAYBE_WORDS, "description": "The key of the item that led to it."},
            text={"type": "string", "description": "In the language of the request."},
        ),
    ),
    "RecommendationShown": closed(
        required=["place", "items", "propensities", "model", "decision_id"],
        place=WORDS,
        items={"type": "array", "items": WORDS, "maxItems": 50},
        propensities={"type": "array", "items": _SHARE, "maxItems": 50},
        model=WORDS,
        decision_id={"type": "string", "pattern": "^[0-9a-f]{32}$"},
        assigned=ASSIGNED,
        proof=PROOF,
    ),
    "Recommendations": closed(
        required=["place", "decision_id", "model_version", "recommendations"],
        place=WORDS,
        decision_id={"type": "string", "pattern": "^[0-9a-f]{32}$"},
        model_version={
            "type": ["integer", "null"],
            "description": "The version that scored it; null where no model did.",
        },
        recommendations={"type": "array", "items": schema("Recommendation"), "maxItems": 50},
        html={"type": "string", "description": "If it is asked for."},
        shown=schema("RecommendationShown"),
    ),
}


def _query(name: str, described: str, stated: Part, *, required: bool = False) -> Part:
    found: Part = {"name": name, "in": "query", "description": described, "schema": stated}
    return {**found, "required": True} if required else found


_ID: Part = {"type": "string", "minLength": 1, "maxLength": 200}

PATHS: Part = {
    "/v1/recommend": {
        "get": {
            **operation(
                "recommend",
                "Ask what is recommended to one visitor",
                tag="Recommendations",
                description=(
                    "A browser is its visitor, by the cookie; the list counts as shown. Whoever "
                    "shows the key of a server source names the visitor, or hands on the cookie."
                ),
                parameters=[
                    _query(
                        "place",
                        "Where it is shown.",
                        {"type": "string", "pattern": "^[-a-zA-Z0-9_]{1,50}$"},
                        required=True,
                    ),
                    _query(
                        "limit",
                        "How many items.",
                        {"type": "integer", "minimum": 1, "maximum": 50, "default": 6},
                    ),
                    _query(
                        "item",
                        "The key of what the page is about.",
                        {"type": "string", "maxLength": 200},
                    ),
                    _query("shown", "0: it does not count as shown.", {"enum": ["0", "1"]}),
                    _query("html", "1: the list as HTML, too.", {"enum": ["0", "1"]}),
                    _query("anonymousId", "The visitor, for servers.", _ID),
                    _query("userId", "The user, for servers.", _ID),
                    _query("writeKey", "The key, where no header can hold it.", WORDS),
                ],
                responses={
                    "200": answer("The list; empty where there is nothing to recommend.",
                                  {JSON: schema("Recommendations")}),
                    **refusals(401, 403, 429, 503),
                    "400": answer("What is asked for cannot be.", {JSON: schema("SegmentProblem")}),
                },
            ),
            "security": SECURITY,
        }
    }
}  # fmt: skip
