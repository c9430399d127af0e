"""The page on which visitors answer, and the target of the banner."""

from __future__ import annotations

from scripts.openapi.parts import JSON, Part, answer, body, closed, operation, refusals
from scripts.openapi.shared import TEXT

_PURPOSE: Part = {"enum": ["analytics", "marketing", "personalization"]}
_PURPOSES: Part = {"type": "array", "items": _PURPOSE}
_FORM: Part = {
    "type": "object",
    "properties": {
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
                    JSON: closed(purposes=_PURPOSES),
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
    }
}
