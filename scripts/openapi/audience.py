"""Page views that are counted without a person."""

from __future__ import annotations

from scripts.openapi.parts import JSON, Part, answer, body, closed, operation, refusals
from scripts.openapi.shared import TEXT

_VIEW: Part = {
    **closed(
        required=["path"],
        path={**TEXT, "pattern": "^/", "description": "What follows ? or # is left out."},
        referrer={**TEXT, "description": "The host that led here."},
        automated={"type": "boolean"},
    ),
    "additionalProperties": True,
}

PATHS: Part = {
    "/v1/audience": {
        "post": operation(
            "audience",
            "Count the view of a page without knowing by whom",
            tag="Consent",
            description=(
                "For pages of the site itself. The answer does not tell whether the view counts: "
                "those of visitors who have answered, of browsers that object and of programs do "
                "not. There is nothing here unless PERSONALIZATION_PRIVACY is exempt."
            ),
            request=body({"text/plain": _VIEW, JSON: _VIEW}),
            responses={
                "204": answer("Taken."),
                **refusals(400, 403, 404, 413, 429, 503),
            },
            keyed=False,
        )
    }
}
