"""What the tracker is to collect."""

from __future__ import annotations

from personalization.events.collection import KINDS
from scripts.openapi.parts import JSON, Part, answer, closed, operation

PATHS: Part = {
    "/v1/manifest": {
        "get": operation(
            "manifest",
            "Say what the tracker collects by the way, and how much of it; the same for everybody",
            tag="Segment",
            responses={
                "200": answer(
                    "The manifest. It may be kept for a minute.",
                    {
                        JSON: closed(
                            version={"const": 1},
                            collect={
                                "type": "array",
                                "items": {"enum": list(KINDS)},
                                "uniqueItems": True,
                            },
                            sample={
                                "type": "number",
                                "exclusiveMinimum": 0,
                                "maximum": 1,
                                "description": "The part of the visitors who are collected of.",
                            },
                        )
                    },
                ),
                "304": answer("It is as it was."),
            },
            keyed=False,
        ),
    }
}
