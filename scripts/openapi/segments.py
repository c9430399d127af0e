"""Segments and their members, for the site's own systems."""

from __future__ import annotations

from personalization.types import ASKED_PURPOSES
from scripts.openapi.parts import (
    JSON,
    TEXT,
    Part,
    answer,
    body,
    closed,
    operation,
    parameter,
    refusals,
    schema,
)
from scripts.openapi.shared import CODE, COUNT, ID
from scripts.openapi.shared import TEXT as WORDS

TAG = "Segments"
INSTANT: Part = {"type": "string", "format": "date-time"}
MAYBE_INSTANT: Part = {"type": ["string", "null"], "format": "date-time"}
NUMBER: Part = {"type": "integer", "minimum": 1, "maximum": 2**63 - 1}
CURSOR: Part = {
    "type": ["string", "null"],
    "description": "The cursor of the next page; null on the last one.",
}
#: What visitors are asked for, and what somebody agreed to.
PURPOSE: Part = {"enum": [each.value for each in ASKED_PURPOSES]}
CONSENTS: Part = {"type": "array", "items": PURPOSE}
#: The key is not taken from the query or the body here.
SECURITY: list[Part] = [{"basic": []}, {"bearer": []}]

_KINDS = ("profileId", "userId", "anonymousId", "externalId", "identities")
_NAMED: dict[str, Part] = {
    "profileId": NUMBER,
    "userId": {**ID, "type": ["string", "integer"]},
    "anonymousId": {**ID, "type": ["string", "integer"]},
    "externalId": closed(type=WORDS, id={**ID, "type": ["string", "integer"]}),
    "identities": {
        "type": "array",
        "items": schema("StatedIdentity"),
        "minItems": 1,
        "maxItems": 20,
    },
}

SCHEMAS: Part = {
    "SegmentProblem": closed(
        required=["code", "message"],
        code=CODE,
        message={"type": "string", "minLength": 1},
        pointer={"type": "string", "description": "What is wrong in the body (RFC 6901)."},
    ),
    "Identity": closed(namespace=WORDS, value=WORDS),
    "StatedIdentity": closed(
        namespace={"type": "string", "pattern": "^[a-z0-9][a-z0-9._-]{0,29}$"},
        value={**ID, "type": ["string", "integer"]},
    ),
    "Segment": closed(
        slug=WORDS,
        name=WORDS,
        description=WORDS,
        kind={"enum": ["rule", "manual"]},
        state={"enum": ["off", "ended", "broken", "pending", "fresh"]},
        endsAt=MAYBE_INSTANT,
        priority=COUNT,
        weight={"type": "number", "minimum": 0},
        members=COUNT,
    ),
    "Segments": closed(
        segments={"type": "array", "items": schema("Segment")},
        next=CURSOR,
    ),
    "Member": closed(
        profileId=NUMBER,
        identities={"type": "array", "items": schema("Identity")},
        consents=CONSENTS,
        since=INSTANT,
        until=MAYBE_INSTANT,
    ),
    "Members": closed(members={"type": "array", "items": schema("Member")}, next=CURSOR),
    "Memberships": closed(
        profileId=NUMBER,
        consents=CONSENTS,
        memberships={
            "type": "array",
            "items": closed(segment=WORDS, since=INSTANT, until=MAYBE_INSTANT),
        },
    ),
    "NamedMember": {
        "anyOf": [
            *(
                closed(required=[name], **{name: _NAMED[name], "until": MAYBE_INSTANT})
                for name in _KINDS
            ),
            _NAMED["identities"],
        ]
    },
    "NamedMembers": {
        "type": "object",
        "properties": {
            "members": {"type": "array", "items": schema("NamedMember"), "maxItems": 1000},
            "until": MAYBE_INSTANT,
        },
        "required": ["members"],
    },
}

PARAMETERS: Part = {
    "Slug": {
        "name": "slug",
        "in": "path",
        "required": True,
        "schema": {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,50}$"},
    },
    "Limit": {
        "name": "limit",
        "in": "query",
        "description": "Entries of a page; 100 if it is not said.",
        "schema": {"type": "integer", "minimum": 1, "maximum": 1000},
    },
    "Cursor": {
        "name": "cursor",
        "in": "query",
        "description": "The `next` of the page before.",
        "schema": WORDS,
    },
}

_SAID = {
    400: "A part of the query or the body cannot be read.",
    401: "The write key is missing, or nobody's.",
    403: "The write key is that of a browser source.",
    404: "There is nobody or nothing of that name.",
    405: "Another method than those of `Allow`.",
    409: "The segment follows from its rule, or it has ended.",
    411: "The body is chunked, and this server does not take that.",
    413: "The body is too large.",
    415: "The body is compressed in another way than with gzip.",
}
RESPONSES: Part = {
    f"SegmentRefused{status}": answer(said, {JSON: schema("SegmentProblem")})
    for status, said in _SAID.items()
}


def _refusals(*statuses: int) -> Part:
    own: Part = {
        str(status): {"$ref": f"#/components/responses/SegmentRefused{status}"}
        for status in statuses
    }
    return {**own, **refusals(429, 503)}


def _operation(name: str, summary: str, **parts: object) -> Part:
    found = operation(name, summary, tag=TAG, **parts)  # type: ignore[arg-type]
    return {**found, "security": SECURITY}


def _query(name: str, description: str, stated: Part) -> Part:
    return {"name": name, "in": "query", "description": description, "schema": stated}


_PAGE = [parameter("Limit"), parameter("Cursor")]
_TAKEN = answer("Done, but for those that are listed.", {JSON: schema("Taken")})
_WRITING = {
    "parameters": [parameter("Slug")],
    "request": body({JSON: schema("NamedMembers"), TEXT: schema("NamedMembers")}),
    "responses": {"200": _TAKEN, **_refusals(400, 401, 403, 404, 409, 411, 413, 415)},
}

PATHS: Part = {
    "/v1/segments": {
        "get": _operation(
            "segments",
            "List the segments",
            parameters=_PAGE,
            responses={
                "200": answer("A page of them.", {JSON: schema("Segments")}),
                **_refusals(400, 401, 403),
            },
        )
    },
    "/v1/segments/{slug}": {
        "get": _operation(
            "segment",
            "Read one segment",
            parameters=[parameter("Slug")],
            responses={
                "200": answer("It.", {JSON: schema("Segment")}),
                **_refusals(401, 403, 404),
            },
        )
    },
    "/v1/segments/{slug}/members": {
        "get": _operation(
            "segment-members",
            "List who is in a segment now",
            parameters=[
                parameter("Slug"),
                *_PAGE,
                _query("since", "Only those who came in at this instant or later.", INSTANT),
                _query("until", "Only those who came in before this instant.", INSTANT),
                _query("purpose", "Only those who agreed to this purpose.", PURPOSE),
            ],
            responses={
                "200": answer("A page of them.", {JSON: schema("Members")}),
                **_refusals(400, 401, 403, 404),
            },
        ),
        "post": _operation("segment-put-in", "Put people into a segment kept by hand", **_WRITING),
        "delete": _operation(
            "segment-take-out", "Take people out of a segment kept by hand", **_WRITING
        ),
    },
    "/v1/memberships": {
        "get": _operation(
            "memberships",
            "List which segments somebody is in now",
            description="Somebody is called by one of `profileId`, `userId` and `anonymousId`, "
            "or by `namespace` and `value`.",
            parameters=[
                _query("profileId", "The number of a profile.", NUMBER),
                _query("userId", "A user.", WORDS),
                _query("anonymousId", "A visitor.", WORDS),
                _query("namespace", "What kind of identity `value` is, such as email.", WORDS),
                _query("value", "An identity.", WORDS),
            ],
            responses={
                "200": answer("The segments.", {JSON: schema("Memberships")}),
                **_refusals(400, 401, 403, 404),
            },
        )
    },
}
