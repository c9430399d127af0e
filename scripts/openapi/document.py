"""The OpenAPI document of all that the app answers, put together from its parts."""

from __future__ import annotations

import json
from pathlib import Path

from scripts.openapi import (
    audience,
    consent,
    edge,
    experiments,
    manifest,
    others,
    recommend,
    reports,
    rights,
    segment,
    segments,
    shared,
    slots,
)
from scripts.openapi.parts import Part

FILE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "openapi.json"


def document() -> Part:
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "personalization",
            "version": "1",
            "description": (
                "Every address also answers with a slash at its end. Bodies may be compressed "
                "with gzip, whatever their headers say. A method that an address does not know "
                "gets 405. Protocols that the site has not switched on get 404."
            ),
        },
        "servers": [
            {
                "url": "{prefix}",
                "description": "Where the site includes personalization.urls.",
                "variables": {"prefix": {"default": "/p"}},
            }
        ],
        "security": shared.SECURITY,
        "paths": {
            **segment.PATHS,
            **others.PATHS,
            **segments.PATHS,
            **reports.PATHS,
            **experiments.PATHS,
            **slots.PATHS,
            **recommend.PATHS,
            **edge.PATHS,
            **manifest.PATHS,
            **audience.PATHS,
            **consent.PATHS,
            **rights.PATHS,
        },
        "components": {
            "securitySchemes": shared.SECURITY_SCHEMES,
            "parameters": {**shared.PARAMETERS, **segments.PARAMETERS, **slots.PARAMETERS},
            "headers": shared.HEADERS,
            "responses": {**shared.RESPONSES, **segments.RESPONSES},
            "schemas": _together(
                shared.SCHEMAS,
                segment.SCHEMAS,
                others.SCHEMAS,
                segments.SCHEMAS,
                reports.SCHEMAS,
                experiments.SCHEMAS,
                slots.SCHEMAS,
                recommend.SCHEMAS,
                rights.SCHEMAS,
            ),
        },
    }


def _together(*parts: Part) -> Part:
    """Return all of them as one; a name that two of them have would be lost."""
    names = [name for part in parts for name in part]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"Two schemas are called {', '.join(twice)}; names are for one.")
    return {name: stated for part in parts for name, stated in part.items()}


def text() -> str:
    return json.dumps(document(), indent=2, ensure_ascii=False) + "\n"
