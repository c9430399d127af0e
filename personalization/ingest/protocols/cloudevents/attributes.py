"""What the attributes of a CloudEvent mean to us."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from personalization.exceptions import EventRejected
from personalization.ingest.calls import MAX_MESSAGE_ID, TYPES
from personalization.ingest.nameless import message_id_of
from personalization.ingest.protocols.cloudevents.data import properties_of
from personalization.ingest.reading import object_of, shown, text_of

VERSION = "1.0"
_REQUIRED = ("id", "source", "specversion", "type")
#: Those that become a part of the call; the others, and extensions, are its context.
_SPENT = {
    "id", "specversion", "type", "time", "data", "data_base64", "datacontenttype",
    "userid", "anonymousid", "previousid", "groupid",
}  # fmt: skip


def call_of(event: Any) -> Mapping[str, Any]:
    """Return the call that a CloudEvent stands for.

    :raises EventRejected: naming the attribute that is missing or wrong.
    """
    attributes = object_of(event)
    for name in _REQUIRED:
        if not text_of(attributes.get(name)):
            raise _wrong(f"The attribute {name} is needed.", name, code="missing_attribute")
    if attributes["specversion"] != VERSION:
        found = shown(attributes["specversion"])
        raise _wrong(f"specversion is “{found}”; {VERSION} is taken.", "specversion")
    return {
        **_what(attributes),
        **_who(attributes),
        "timestamp": attributes.get("time"),
        "messageId": _message_id(attributes),
        "context": {"cloudevents": _rest(attributes)},
    }


def _wrong(message: str, name: str, *, code: str = "invalid_attribute") -> EventRejected:
    return EventRejected(message, code=code, pointer=f"/{name}")


def _what(attributes: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return type, name and properties: a type that is one of our calls is that call."""
    kind = str(attributes["type"])
    properties = properties_of(attributes)
    if kind in ("identify", "group"):
        return {"type": kind, "traits": properties, "groupId": attributes.get("groupid")}
    if kind in TYPES and kind != "track":
        return {"type": kind, "properties": properties}
    return {"type": "track", "event": kind, "properties": properties}


def _who(attributes: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the ids: `subject` is the user unless an extension says who it is."""
    user, anonymous = attributes.get("userid"), attributes.get("anonymousid")
    if user is None and anonymous is None:
        user = attributes.get("subject")
    return {
        "userId": user,
        "anonymousId": anonymous,
        "previousId": attributes.get("previousid"),
    }


def _message_id(attributes: Mapping[str, Any]) -> str:
    """Return an id that is unique where `id` is: within `source`."""
    text = f"{attributes['source']} {attributes['id']}"
    return text if len(text) <= MAX_MESSAGE_ID else message_id_of("cloudevents", text)


def _rest(attributes: Mapping[str, Any]) -> Mapping[str, Any]:
    return {name: value for name, value in attributes.items() if name not in _SPENT}
