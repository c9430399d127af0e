"""What the parts of the document are built of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

Part = dict[str, Any]

JSON, TEXT = "application/json", "text/plain"
ANYTHING: Part = {"type": "object", "additionalProperties": True}


def ref(kind: str, name: str) -> Part:
    return {"$ref": f"#/components/{kind}/{name}"}


def schema(name: str) -> Part:
    return ref("schemas", name)


def closed(*, required: Iterable[str] | None = None, **properties: Part) -> Part:
    """Return an object of these properties and no others, all of them required unless said."""
    needed = list(properties if required is None else required)
    return {
        "type": "object",
        "properties": properties,
        "required": needed,
        "additionalProperties": False,
    }


def opened(*, required: Iterable[str] = (), **properties: Part) -> Part:
    """Return an object that may have more properties than these."""
    found: Part = {"type": "object", "properties": properties}
    return {**found, "required": list(required)} if required else found


def content(**bodies: Part) -> Part:
    """Return the content of media types given with `_` for `/`."""
    return {name.replace("_", "/"): {"schema": body} for name, body in bodies.items()}


def answer(
    description: str, media: Mapping[str, Part] | None = None, *, headers: Iterable[str] = ()
) -> Part:
    """Return a response; `media` is media type → schema, none for an empty body."""
    found: Part = {"description": description}
    if headers:
        found["headers"] = {name: ref("headers", name) for name in headers}
    if media:
        found["content"] = {name: {"schema": body} for name, body in media.items()}
    return found


def refusals(*statuses: int) -> Part:
    """Return the shared refusals of these statuses."""
    return {str(status): ref("responses", f"Refused{status}") for status in statuses}


#: What any request with events may be told.
EVENTS = (400, 401, 403, 404, 411, 413, 429, 503)
#: What a request for a document may be told.
DOCUMENT = (400, 403, 404, 413)


def body(media: Mapping[str, Part], *, required: bool = True) -> Part:
    return {
        "required": required,
        "content": {name: {"schema": stated} for name, stated in media.items()},
    }


def json_anyhow(name: str) -> Part:
    """Return a body that is JSON of the schema `name`: browsers may send it as plain text,
    since they need not ask first then."""
    return body({JSON: schema(name), TEXT: schema(name)})


def operation(
    name: str,
    summary: str,
    *,
    tag: str,
    responses: Part,
    request: Part | None = None,
    parameters: Iterable[Part] = (),
    keyed: bool = True,
    description: str = "",
) -> Part:
    """Return an operation. `keyed` ones need a write key in one of its places."""
    found: Part = {"operationId": name, "summary": summary, "tags": [tag]}
    if description:
        found["description"] = description
    if given := list(parameters):
        found["parameters"] = given
    if request is not None:
        found["requestBody"] = request
    found["responses"] = responses
    if not keyed:
        found["security"] = []
    return found


def parameter(name: str) -> Part:
    return ref("parameters", name)
