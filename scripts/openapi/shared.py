"""What all operations share: the key, the refusals, the answer to events."""

from __future__ import annotations

from scripts.openapi.parts import ANYTHING, JSON, Part, answer, closed, opened, schema

TEXT: Part = {"type": "string"}
COUNT: Part = {"type": "integer", "minimum": 0}
ID: Part = {"type": ["string", "integer", "null"], "maxLength": 200}
WHO = ("userId", "anonymousId")
SOMEBODY: Part = {"type": ["string", "integer"], "minLength": 1}
CODE: Part = {
    "type": "string",
    "pattern": "^[a-z0-9_]+$",
    "description": "What is wrong, for programs; listed in the reference of the HTTP API.",
}
TIME: Part = {
    "type": ["string", "null"],
    "format": "date-time",
    "description": "ISO 8601; a time without an offset is UTC.",
    "examples": ["2026-11-20T10:00:00Z"],
}

SECURITY_SCHEMES: Part = {
    "basic": {"type": "http", "scheme": "basic", "description": "The write key as user."},
    "bearer": {"type": "http", "scheme": "bearer", "description": "The write key as token."},
    "query": {"type": "apiKey", "in": "query", "name": "writeKey"},
}
#: The last one: in the body, for clients that know no other place.
SECURITY: list[Part] = [{"basic": []}, {"bearer": []}, {"query": []}, {}]

HEADERS: Part = {
    "Retry-After": {
        "description": "Seconds to wait before the same request is sent again.",
        "schema": {"type": "integer", "minimum": 1},
        "required": True,
    },
    "X-RateLimit-Reset": {
        "description": "The same, for clients that read only this one.",
        "schema": {"type": "integer", "minimum": 1},
        "required": True,
    },
    "Preference-Applied": {"schema": {"const": "return=representation"}},
    "X-Plausible-Dropped": {"schema": {"const": "1"}},
}

_REFUSED = {
    400: "The request cannot be understood, or its only event is rejected.",
    401: "The write key is missing, or nobody's.",
    403: "A page of this origin may not send here, or it shows what was signed for another visitor.",
    404: "The protocol is not switched on.",
    411: "The body is chunked, and this server does not take that.",
    413: "The body is too large.",
    415: "The body is of a type that is not taken.",
    429: "Too many requests, or too much waits to be processed.",
    503: "The events cannot be kept now.",
}
_WAITING = {429: ("Retry-After", "X-RateLimit-Reset"), 503: ("Retry-After",)}

RESPONSES: Part = {
    f"Refused{status}": answer(said, {JSON: schema("Problem")}, headers=_WAITING.get(status, ()))
    for status, said in _REFUSED.items()
} | {
    "Taken": answer(
        "The events are safe, but for those that are listed.",
        {JSON: schema("Taken")},
        headers=("Preference-Applied",),
    )
}

_REJECTION = {
    "index": {**COUNT, "description": "The place of the event in the request."},
    "code": CODE,
    "message": TEXT,
    "pointer": {"type": "string", "description": "What is wrong in it (RFC 6901)."},
}

_CALL = opened(
    type={"enum": ["track", "page", "screen", "identify", "group", "alias"]},
    event={"type": ["string", "null"], "maxLength": 200, "examples": ["Product Added"]},
    name={"type": ["string", "null"]},
    category={"type": ["string", "null"]},
    userId=ID,
    anonymousId=ID,
    previousId=ID,
    groupId=ID,
    properties={**ANYTHING, "type": ["object", "null"]},
    traits={**ANYTHING, "type": ["object", "null"]},
    context={**ANYTHING, "type": ["object", "null"]},
    timestamp=TIME,
    originalTimestamp=TIME,
    messageId={"type": ["string", "null"], "maxLength": 100},
)

SCHEMAS: Part = {
    "Problem": closed(code=CODE, message={"type": "string", "minLength": 1}),
    "Rejection": closed(**_REJECTION),
    "Result": {
        "oneOf": [
            closed(
                index=COUNT,
                messageId=TEXT,
                status={"enum": ["ok", "duplicate"]},
            ),
            closed(**_REJECTION, status={"const": "rejected"}),
        ]
    },
    "Taken": closed(
        required=["success", "accepted", "rejected"],
        success={"const": True},
        accepted=COUNT,
        rejected={"type": "array", "items": schema("Rejection")},
        results={
            "type": "array",
            "items": schema("Result"),
            "description": "What became of each event, if the request asked for it.",
        },
    ),
    "Call": {
        **_CALL,
        # One of them at least, and one that somebody can have.
        "anyOf": [{"required": [who], "properties": {who: SOMEBODY}} for who in WHO],
    },
    "Calls": opened(
        required=["batch"],
        batch={"type": "array", "items": schema("Call"), "maxItems": 2500},
        writeKey=TEXT,
        sentAt=TIME,
        context=ANYTHING,
    ),
    "OneCall": {
        "allOf": [schema("Call"), opened(writeKey=TEXT, sentAt=TIME)],
    },
}

PARAMETERS: Part = {
    "Prefer": {
        "name": "Prefer",
        "in": "header",
        "required": False,
        "description": "With this preference, the answer says what became of each event.",
        "schema": {"enum": ["return=representation"]},
    },
    "Key": {
        "name": "key",
        "in": "path",
        "required": True,
        "description": "The write key of a source; it is only repeated.",
        "schema": {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,64}$"},
    },
}
