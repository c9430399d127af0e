"""What caches in front of the site ask for."""

from __future__ import annotations

from scripts.openapi.parts import TEXT, Part, answer, operation
from scripts.openapi.shared import TEXT as WORDS

PATHS: Part = {
    "/v1/key": {
        "get": operation(
            "key",
            "Say under which key a page is kept for the visitor of the cookie",
            tag="Slots",
            description=(
                "For a cache in front of a site that says PERSONALIZATION_EDGE. A page that is not "
                "known yet has a key that no version is kept under."
            ),
            parameters=[
                {
                    "name": "path",
                    "in": "query",
                    "description": (
                        "The path of a page of this site with its query, as a browser sends it. It "
                        "may stand in the header X-Personalization-Page instead."
                    ),
                    "schema": {"type": "string", "maxLength": 4000},
                }
            ],
            responses={
                "204": {
                    "description": "The key stands in the header.",
                    "headers": {"X-Personalization-Key": {"schema": WORDS}},
                },
                "400": answer("That is no path of a page.", {TEXT: WORDS}),
                "404": answer("The site has not switched it on.", {TEXT: WORDS}),
            },
            keyed=False,
        ),
    }
}
