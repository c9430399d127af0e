"""CloudEvents, PostHog, Plausible, Umami and the Measurement Protocol of Google Analytics."""

from __future__ import annotations

from scripts.openapi.parts import (
    ANYTHING,
    DOCUMENT,
    EVENTS,
    JSON,
    TEXT,
    Part,
    answer,
    body,
    closed,
    json_anyhow,
    opened,
    operation,
    parameter,
    ref,
    refusals,
    schema,
)
from scripts.openapi.shared import CODE, COUNT, ID, SOMEBODY, TIME
from scripts.openapi.shared import TEXT as WORDS

STRUCTURED = "application/cloudevents+json"
BATCHED = "application/cloudevents-batch+json"
UUID: Part = {"type": "string", "format": "uuid"}

_ATTRIBUTES = {
    "id": WORDS,
    "source": WORDS,
    "specversion": {"const": "1.0"},
    "type": WORDS,
    "subject": WORDS,
    "time": WORDS,
    "datacontenttype": WORDS,
    "data": {},
    "data_base64": WORDS,
    "userid": ID,
    "anonymousid": ID,
    "previousid": ID,
    "groupid": ID,
}

_PERSON = opened(required=["distinct_id"], distinct_id=SOMEBODY)

SCHEMAS: Part = {
    "CloudEvent": opened(required=["id", "source", "specversion", "type"], **_ATTRIBUTES),
    "PostHogEvent": {
        **opened(
            required=["event"],
            event={"type": "string", "minLength": 1, "maxLength": 200},
            distinct_id=ID,
            properties={**ANYTHING, "type": ["object", "null"]},
            timestamp=TIME,
            uuid={"type": ["string", "null"], "maxLength": 100},
            api_key=WORDS,
        ),
        "anyOf": [_PERSON, opened(required=["properties"], properties=_PERSON)],
    },
    "PostHogEvents": {
        "anyOf": [
            opened(
                required=["batch"],
                batch={"type": "array", "items": schema("PostHogEvent")},
                api_key=WORDS,
                sent_at=TIME,
                historical_migration={"type": "boolean"},
            ),
            {"type": "array", "items": schema("PostHogEvent")},
            schema("PostHogEvent"),
        ]
    },
    "PostHogResults": closed(
        results={
            "type": "object",
            "additionalProperties": closed(
                required=["result"],
                result={"enum": ["ok", "drop", "retry"]},
                details=WORDS,
            ),
        }
    ),
    "PlausibleEvent": opened(
        required=["name", "url", "domain"],
        name=WORDS,
        url=WORDS,
        domain=WORDS,
        referrer={"type": ["string", "null"]},
        props=ANYTHING,
        revenue=opened(amount={"type": ["string", "number"]}, currency=WORDS),
        interactive={"type": "boolean"},
    ),
    "UmamiEvent": opened(
        required=["type", "payload"],
        type={"enum": ["event", "identify", "performance", "engagement"]},
        payload=opened(
            website=WORDS,
            hostname={"type": "string", "maxLength": 100},
            url=WORDS,
            referrer=WORDS,
            title=WORDS,
            language=WORDS,
            screen=WORDS,
            name={"type": "string", "maxLength": 50},
            tag={"type": "string", "maxLength": 50},
            data=ANYTHING,
            id=WORDS,
            timestamp={"type": "integer"},
        ),
    ),
    "UmamiEvents": {"type": "array", "items": schema("UmamiEvent")},
    "MeasurementEvents": opened(
        required=["client_id", "events"],
        client_id=WORDS,
        user_id=WORDS,
        timestamp_micros={"type": ["integer", "string"]},
        user_properties={
            "type": "object",
            "additionalProperties": opened(value={"type": ["string", "number"]}),
        },
        consent=opened(ad_personalization={"enum": ["GRANTED", "DENIED"]}),
        events={
            "type": "array",
            "items": opened(
                required=["name"],
                name={"type": "string", "pattern": "^[A-Za-z][A-Za-z0-9_]{0,39}$"},
                params=ANYTHING,
            ),
        },
    ),
}


def _cloudevents() -> Part:
    modes = body(
        {
            STRUCTURED: schema("CloudEvent"),
            BATCHED: {"type": "array", "items": schema("CloudEvent")},
            JSON: {"description": "The data of an event whose attributes are in ce- headers."},
            TEXT: WORDS,
        },
        required=False,
    )
    headers: list[Part] = [
        {"name": f"ce-{name}", "in": "header", "required": False, "schema": stated}
        for name, stated in _ATTRIBUTES.items()
        if name in ("id", "source", "specversion", "type", "subject", "time")
    ]
    return {
        "/v1/cloudevents": {
            "post": operation(
                "cloudevents",
                "Send events in any mode of the HTTP binding of CloudEvents 1.0",
                tag="CloudEvents",
                request=modes,
                parameters=headers,
                responses={"200": ref("responses", "Taken"), **refusals(*EVENTS, 415)},
            )
        }
    }


def _posthog() -> Part:
    beacon: Part = {"name": "beacon", "in": "query", "schema": {"enum": ["0", "1"]}}
    packing: Part = {
        "name": "compression",
        "in": "query",
        "schema": {"enum": ["gzip-js", "base64", "none"]},
    }
    taken = {
        "200": answer("The events are safe.", {JSON: closed(status={"const": "Ok"})}),
        "204": answer("The same, for a beacon."),
    }
    paths: Part = {
        f"/{path}": {
            "post": operation(
                f"posthog-{path.replace('/', '-')}",
                "Send events as PostHog's libraries do",
                tag="PostHog",
                request=json_anyhow("PostHogEvents"),
                parameters=[beacon, packing],
                responses={**taken, **refusals(*EVENTS)},
            )
        }
        for path in ("batch", "e", "i/v0/e", "capture", "track", "engage")
    }
    paths["/i/v1/analytics/events"] = {
        "post": operation(
            "posthog-results",
            "Send events, and be told what became of each",
            tag="PostHog",
            request=json_anyhow("PostHogEvents"),
            responses={
                "200": answer("The events are safe.", {JSON: schema("PostHogResults")}),
                **refusals(*EVENTS),
            },
        )
    }
    return {**paths, **_posthog_documents()}


def _posthog_documents() -> Part:
    flags = answer("No flags.", {JSON: opened(required=["flags"], flags=ANYTHING)})
    paths: Part = {
        f"/{name}": {
            method: operation(
                f"posthog-{name}-{method}",
                "Read which flags are on: none",
                tag="PostHog",
                request=body({JSON: {}, TEXT: WORDS}, required=False) if method == "post" else None,
                responses={
                    "200": flags,
                    **refusals(*DOCUMENT, *([411] if method == "post" else [])),
                },
                keyed=False,
            )
            for method in ("get", "post")
        }
        for name in ("flags", "decide")
    }
    scripts: Part = {
        "config": answer("The settings.", {JSON: opened(required=["token"], token=WORDS)}),
        "config.js": answer("The same as a script.", {"text/javascript": WORDS}),
    }
    for name, found in scripts.items():
        paths[f"/array/{{key}}/{name}"] = {
            "get": operation(
                f"posthog-{name.replace('.', '-')}",
                "Read what PostHog's browser library needs to know before it sends",
                tag="PostHog",
                parameters=[parameter("Key")],
                responses={"200": found, **refusals(*DOCUMENT)},
                keyed=False,
            )
        }
    return paths


def _plausible() -> Part:
    debug: Part = {"name": "X-Debug-Request", "in": "header", "schema": {"enum": ["true"]}}
    return {
        "/api/event": {
            "post": operation(
                "plausible",
                "Send an event as Plausible's script does",
                tag="Plausible",
                description="The write key stands for the domain of the site.",
                request=json_anyhow("PlausibleEvent"),
                parameters=[debug],
                responses={
                    "200": answer("The address of the visitor, when asked.", {TEXT: WORDS}),
                    "202": answer(
                        "The event is safe, or it was dropped as the header says.",
                        {TEXT: {"const": "ok"}, JSON: schema("Problem")},
                        headers=("X-Plausible-Dropped",),
                    ),
                    **refusals(403, 404, 411, 413, 429, 503),
                },
            )
        }
    }


def _umami() -> Part:
    visit = closed(cache={"const": ""}, sessionId=UUID, visitId=UUID)
    robot = closed(beep={"const": "boop"})
    error = closed(error=closed(code=CODE, message=WORDS))
    counts = closed(
        size=COUNT,
        processed=COUNT,
        errors=COUNT,
        details={"type": "array", "items": closed(index=COUNT, response=error)},
    )
    told = {"anyOf": [visit, robot, schema("Taken")]}
    said = {
        "send": (answer("The event is safe, or a robot sent it.", {JSON: told}), "UmamiEvent"),
        "batch": (answer("How many are safe.", {JSON: {"anyOf": [counts, robot]}}), "UmamiEvents"),
    }
    return {
        f"/api/{name}": {
            "post": operation(
                f"umami-{name}",
                "Send events as Umami's script does",
                tag="Umami",
                description="The write key stands for the id of the website.",
                request=json_anyhow(sent),
                responses={"200": found, **refusals(*EVENTS)},
            )
        }
        for name, (found, sent) in said.items()
    }


def _measurement_protocol() -> Part:
    query: list[Part] = [
        {"name": name, "in": "query", "required": False, "schema": WORDS}
        for name in ("measurement_id", "firebase_app_id", "api_secret")
    ]
    complaint = closed(fieldPath=WORDS, description=WORDS, validationCode=WORDS)
    complaints = closed(validationMessages={"type": "array", "items": complaint})
    partly = {"anyOf": [schema("Taken"), schema("Problem")]}
    common = (404, 411, 413)
    return {
        "/mp/collect": {
            "post": operation(
                "collect",
                "Send events in the Measurement Protocol of Google Analytics",
                tag="Measurement Protocol",
                description="The write key stands for the API secret.",
                request=json_anyhow("MeasurementEvents"),
                parameters=query,
                responses={
                    "200": answer("What was not kept.", {JSON: partly}),
                    "204": answer("The events are safe."),
                    **refusals(*common, 429, 503),
                },
            )
        },
        "/debug/mp/collect": {
            "post": operation(
                "debug-collect",
                "Ask what is wrong with events; they are not kept",
                tag="Measurement Protocol",
                request=json_anyhow("MeasurementEvents"),
                parameters=query,
                responses={
                    "200": answer("What is wrong.", {JSON: complaints}),
                    **refusals(*common),
                },
                keyed=False,
            )
        },
    }


PATHS: Part = {
    **_cloudevents(),
    **_posthog(),
    **_plausible(),
    **_umami(),
    **_measurement_protocol(),
}
