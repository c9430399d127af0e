"""What slots show, for pages and front ends that ask for it by themselves."""

from __future__ import annotations

from scripts.openapi.parts import (
    JSON,
    TEXT,
    Part,
    answer,
    closed,
    json_anyhow,
    opened,
    operation,
    parameter,
    refusals,
    schema,
)
from scripts.openapi.shared import CODE, ID
from scripts.openapi.shared import TEXT as WORDS

TAG = "Slots"
HTML = "text/html"
#: A key is needed by servers, and by pages of other sites; pages of the site itself need none.
SECURITY: list[Part] = [{}, {"basic": []}, {"bearer": []}]
SLUG: Part = {"type": "string", "pattern": "^[-a-zA-Z0-9_]{1,50}$"}
LINE: Part = {"type": ["string", "null"], "maxLength": 2000}
MAYBE_WORDS: Part = {"type": ["string", "null"]}
ASSIGNED: Part = {
    "type": "object",
    "description": "Of each experiment and holdout that had a say, the arm with its chance.",
    "additionalProperties": opened(
        required=["arm", "probability"],
        arm=WORDS,
        probability={"type": "number", "minimum": 0, "maximum": 1},
    ),
}
PROOF: Part = {"type": "string", "description": "For the report that it was shown."}

SCHEMAS: Part = {
    "Candidate": opened(
        required=["key"],
        key={"type": "string", "pattern": "^[-a-zA-Z0-9_:.+/]{1,200}$"},
        segments={"type": "array", "items": SLUG, "maxItems": 50},
    ),
    "AskedSlot": {
        "anyOf": [
            SLUG,
            opened(
                required=["slot"],
                slot=SLUG,
                candidates={"type": "array", "items": schema("Candidate"), "maxItems": 50},
            ),
        ]
    },
    "Question": opened(
        required=["slots"],
        slots={"type": "array", "items": schema("AskedSlot"), "minItems": 1, "maxItems": 50},
        page={
            **opened(path=LINE, search=LINE, referrer=LINE, userAgent=LINE, language=LINE),
            "type": ["object", "null"],
        },
        anonymousId=ID,
        userId=ID,
        writeKey=WORDS,
    ),
    "Trigger": closed(
        kind={"enum": ["time_on_page", "scroll_depth", "click_depth", "exit_intent", "inactivity"]},
        value={"type": ["integer", "null"]},
        presentation={"enum": ["place", "dialog"]},
        name=WORDS,
        rule={"type": "object", "description": "Holds for the events of the page once it fires."},
    ),
    "Decision": closed(
        required=["slot", "variation", "content", "reason", "probability", "decision_id"],
        slot=WORDS,
        variation={"type": "string", "description": "What to show; empty for the default."},
        content={
            "type": ["string", "null"],
            "description": "HTML that the admin has; null where who asks has all of it.",
        },
        reason=CODE,
        probability={"type": "number", "minimum": 0, "maximum": 1},
        decision_id={"type": "string", "pattern": "^[0-9a-f]{32}$"},
        assigned=ASSIGNED,
        proof=PROOF,
        parts={
            "type": "array",
            "items": closed(key=WORDS, content=MAYBE_WORDS),
            "description": "Of several that are shown one after the other, each.",
        },
        lists={
            "type": "array",
            "items": schema("RecommendationShown"),
            "description": "Of each list of items in the content, what to report once it is seen.",
        },
        trigger=schema("Trigger"),
    ),
    "Undecided": closed(slot=WORDS, error=closed(code=CODE, message=WORDS)),
    "Decisions": closed(
        decisions={
            "type": "array",
            "items": {"anyOf": [schema("Decision"), schema("Undecided")]},
        }
    ),
}

_WAITING = ("Retry-After", "X-RateLimit-Reset")

_DECIDE = operation(
    "decide",
    "Ask what many slots show to one visitor",
    tag=TAG,
    description=(
        "A browser is its visitor, by the cookie. Whoever shows the key of a server source "
        "names the visitor, or hands on the cookie."
    ),
    request=json_anyhow("Question"),
    responses={
        "200": answer("An answer to each slot, in order.", {JSON: schema("Decisions")}),
        **refusals(401, 403, 411, 413, 415, 429, 503),
        "400": answer("The body cannot be understood.", {JSON: schema("SegmentProblem")}),
    },
)
_FRAGMENT = operation(
    "slot",
    "Fetch what one slot shows to the visitor of the cookie, as HTML",
    tag=TAG,
    parameters=[parameter("SlotSlug")],
    responses={
        "200": answer("The variation; it counts as shown.", {HTML: WORDS}),
        "204": answer("The default: the page keeps its own."),
        "400": answer("The address of the page cannot be read.", {TEXT: WORDS}),
        "403": answer("A page of another site asks.", {TEXT: WORDS}),
        "404": answer("There is no such slot.", {TEXT: WORDS}),
        "429": answer("Too many requests.", {TEXT: WORDS}, headers=_WAITING),
        "503": answer("Try again.", {TEXT: WORDS}, headers=("Retry-After",)),
    },
    keyed=False,
)

PARAMETERS: Part = {
    "SlotSlug": {"name": "slug", "in": "path", "required": True, "schema": WORDS | {"minLength": 1}}
}

PATHS: Part = {
    "/v1/decide": {"post": {**_DECIDE, "security": SECURITY}},
    "/v1/slots/{slug}": {"get": _FRAGMENT},
}
