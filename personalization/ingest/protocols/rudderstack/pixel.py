"""An event in a query: what an address can carry, as the one in an e-mail's picture."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from personalization.exceptions import RequestRejected
from personalization.ingest.body import parse_json

_FIELDS = ("event", "name", "category", "userId", "messageId", "timestamp", "originalTimestamp")
_OBJECTS = ("properties", "context", "traits")
_APART = (*_FIELDS, *_OBJECTS, "anonymousId", "writeKey", "sentAt", "type")
_DEEPEST = 5


def event_of(query: Mapping[str, str]) -> Mapping[str, Any]:
    """Return the call that a query stands for.

    `properties` and `context` are JSON; `properties.sku` is one of them; any other name
    is a property.

    :raises RequestRejected: when one of them is no JSON object.
    """
    event: dict[str, Any] = {name: query[name] for name in _FIELDS if query.get(name)}
    if query.get("anonymousId"):  # RudderStack's library sends it as JSON, in quotes
        event["anonymousId"] = query["anonymousId"].strip('"')
    for name in _OBJECTS:
        event[name] = _object(query.get(name), name)
    for name in query:
        if name not in _APART:
            _place(event, name, query[name])
    return {name: value for name, value in event.items() if value != {}}


def _object(text: str | None, name: str) -> dict[str, Any]:
    data = parse_json(text.encode(errors="replace")) if text else {}
    if not isinstance(data, Mapping):
        raise RequestRejected(f"{name} is a JSON object.", code="invalid_json")
    return dict(data)


def _place(event: dict[str, Any], name: str, value: str) -> None:
    """Put `value` where the dots in `name` lead to; without dots it is a property."""
    first, *path = name.split(".", _DEEPEST)
    if first not in _OBJECTS or not path:
        event["properties"].setdefault(name, value)
        return
    place = event[first]
    for step in path[:-1]:
        below = place.setdefault(step, {})
        if not isinstance(below, dict):
            return  # it was said to be something else already
        place = below
    place.setdefault(path[-1], value)
