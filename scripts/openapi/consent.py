"""The page on which visitors answer, and the target of the banner."""

from __future__ import annotations

from scripts.openapi.parts import JSON, Part, answer, body, closed, operation, refusals
from scripts.openapi.shared import TEXT

_PURPOSE: Part = {"enum": ["analytics", "marketing", "personalization"]}
_PURPOSES: Part = {"type": "array", "items": _PURPOSE}
_SHOWN: Part = {
    "texts": {"type": "string", "pattern": "^([0-9a-f]{64})?$"},
    "language": {"type": "string", "pattern": "^([A-Za-z]{2,8}(-[A-Za-z0-9]{1,4})?)?$"},
}
_STATED: Part = {
    "anyOf": [
        {
            "type": "object",
            "required": ["purposes"],
            "properties": {
                "purposes": _PURPOSES,
                "mechanism": {"enum": ["banner", "consent_mode"]},
                "despite_signal": {"type": "boolean"},
                **_SHOWN,
            },
        },
        {"type": "object", "required": ["tcf"], "properties": {"tcf": {"type": "string"}}},
        {"type": "object", "required": ["signal"], "properties": {"signal": {"const": True}}},
    ]
}
_FORM: Part = {
    "type": "object",
    "properties": {
        **_SHOWN,
        "purposes": _PURPOSES,
        "choice": {"enum": ["all", "none"]},
        "next": {"type": "string"},
    },
}

PATHS: Part = {
    "/consent": {
        "get": operation(
            "consent-page",
            "Show what a visitor can agree to",
            tag="Consent",
            parameters=[{"name": "next", "in": "query", "schema": TEXT}],
            responses={"200": answer("The page.", {"text/html": TEXT})},
            keyed=False,
        ),
        "post": operation(
            "consent-answer",
            "Record the answer of a visitor; purposes that are not named are refused",
            tag="Consent",
            request=body(
                {
                    JSON: _STATED,
                    "application/x-www-form-urlencoded": _FORM,
                }
            ),
            responses={
                "200": answer("Recorded; the cookies are set.", {JSON: closed(purposes=_PURPOSES)}),
                "303": answer("Recorded; for a form, back to where the visitor came from."),
                **refusals(400, 403, 415),
            },
            keyed=False,
        ),
    },
    "/consent/presume": {
        "post": operation(
            "consent-presume",
            "Record a yes where the law of the visitor's region lets it be presumed",
            tag="Consent",
            responses={
                "200": answer(
                    "The purposes that count; null: the visitor is to be asked.",
                    {JSON: closed(purposes={"anyOf": [_PURPOSES, {"type": "null"}]})},
                ),
                **refusals(403),
            },
            keyed=False,
        ),
    },
}
