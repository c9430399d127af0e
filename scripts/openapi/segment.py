"""Segment's HTTP Tracking API, and what RudderStack's clients need beside it."""

from __future__ import annotations

from scripts.openapi.parts import (
    ANYTHING,
    DOCUMENT,
    EVENTS,
    JSON,
    Part,
    answer,
    closed,
    json_anyhow,
    operation,
    parameter,
    ref,
    refusals,
    schema,
)
from scripts.openapi.shared import TEXT

#: Each call and the short name that stands for it in a path.
CALLS = {
    "track": "t", "identify": "i", "page": "p", "screen": "s", "group": "g", "alias": "a",
}  # fmt: skip
BATCHES = ("batch", "import", "b")


def _calls(name: str, path: str, summary: str, *, body: str, tag: str = "Segment") -> Part:
    return {
        path: {
            "post": operation(
                name,
                summary,
                tag=tag,
                request=json_anyhow(body),
                parameters=[parameter("Prefer")] if tag == "Segment" else (),
                responses={"200": ref("responses", "Taken"), **refusals(*EVENTS)},
            )
        }
    }


def _segment() -> Part:
    paths: Part = {}
    for name in BATCHES:
        paths |= _calls(name, f"/v1/{name}", "Send many calls", body="Calls")
    for call, short in CALLS.items():
        for name in (call, short):
            paths |= _calls(name, f"/v1/{name}", f"Send one call: {call}", body="OneCall")
    paths["/v1/projects/{key}/settings"] = {
        "get": operation(
            "settings",
            "Read what Segment's browser library needs to know before it sends",
            tag="Segment",
            parameters=[parameter("Key")],
            responses={
                "200": answer("The settings.", {JSON: schema("SegmentSettings")}),
                **refusals(*DOCUMENT),
            },
            keyed=False,
        )
    }
    return paths


def _rudderstack() -> Part:
    shown = answer(
        "One transparent point, whatever became of the event.",
        {"image/gif": {"type": "string", "format": "binary"}},
    )
    pixels: Part = {
        f"/pixel/v1/{call}": {
            "get": operation(
                f"pixel-{call}",
                f"Send one call by a picture: {call}",
                tag="RudderStack",
                parameters=PIXEL_PARAMETERS,
                responses={"200": shown, **refusals(404)},
            )
        }
        for call in ("track", "page")
    }
    return {
        **_calls(
            "beacon",
            "/beacon/v1/batch",
            "Send many calls while the page is left",
            body="Calls",
            tag="RudderStack",
        ),
        **pixels,
        "/sourceConfig": {
            "get": operation(
                "sourceConfig",
                "Read what RudderStack's browser library needs to know before it sends",
                tag="RudderStack",
                parameters=[_query("writeKey", TEXT)],
                responses={
                    "200": answer("The source.", {JSON: closed(source=ANYTHING)}),
                    **refusals(*DOCUMENT),
                },
                keyed=False,
            )
        },
    }


def _query(name: str, stated: Part) -> Part:
    return {"name": name, "in": "query", "required": False, "schema": stated}


PIXEL_PARAMETERS = [
    *(
        _query(name, TEXT)
        for name in ("event", "name", "category", "userId", "anonymousId", "messageId")
    ),
    _query("timestamp", {"type": "string"}),
    *(
        {
            "name": name,
            "in": "query",
            "required": False,
            "description": "A JSON object.",
            "content": {JSON: {"schema": ANYTHING}},
        }
        for name in ("properties", "context", "traits")
    ),
]

SCHEMAS: Part = {
    "SegmentSettings": closed(
        integrations=closed(
            **{
                "Segment.io": closed(
                    apiKey=TEXT, apiHost=TEXT, protocol={"enum": ["http", "https"]}
                )
            }
        ),
        plan=ANYTHING,
        metrics=ANYTHING,
    ),
}

PATHS: Part = {**_segment(), **_rudderstack()}
