"""The data of a CloudEvent: an object becomes the properties, anything else is one of them."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from personalization.exceptions import EventRejected, RequestRejected
from personalization.ingest.body import parse_json
from personalization.ingest.reading import shown


def data_of(body: bytes, content_type: str) -> Any:
    """Return what bytes stand for; without a type they are JSON.

    :raises RequestRejected: when they are neither JSON nor text.
    """
    kind = content_type.partition(";")[0].strip().lower()
    if not body:
        return None
    if not kind or kind in ("application/json", "text/json") or kind.endswith("+json"):
        return parse_json(body)
    if kind == "text/plain" and body[:1] == b"{":
        # Python's library states no type for JSON, and some servers make up this one then.
        with suppress(RequestRejected):
            return parse_json(body)
    if kind.startswith("text/"):
        return _text_or_object(body)
    raise RequestRejected(
        f"Data of the type “{shown(kind)}” are not taken; JSON and text are.",
        code="unsupported_data",
        status=415,
    )


def _text_or_object(body: bytes) -> Any:
    """Return a text, or the JSON object that it is.

    Some servers hand on text/plain where the client stated no type, which means JSON.
    """
    text = body.decode(errors="replace")
    try:
        data = parse_json(body) if text.lstrip().startswith("{") else text
    except RequestRejected:
        return text
    return data


def properties_of(attributes: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the data of an event as properties.

    :raises EventRejected: when they are neither JSON nor text.
    """
    data = attributes.get("data")
    if data is None and attributes.get("data_base64") is not None:
        data = _decoded(attributes)
    if data is None:
        return {}
    return data if isinstance(data, Mapping) else {"data": data}


def _decoded(attributes: Mapping[str, Any]) -> Any:
    kind = attributes.get("datacontenttype")
    try:
        body = base64.b64decode(attributes["data_base64"], validate=True)
        return data_of(body, kind if isinstance(kind, str) else "")
    except (TypeError, ValueError):
        message = "data_base64 is no base64."
        raise EventRejected(message, code="invalid_data", pointer="/data_base64") from None
    except RequestRejected as error:
        raise EventRejected(str(error), code=error.code, pointer="/data_base64") from None
