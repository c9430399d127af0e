"""What the events of PostHog mean in the terms of the Segment spec."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from personalization.exceptions import EventRejected
from personalization.ingest.message import Message
from personalization.ingest.nameless import message_id_of, visitor_of
from personalization.ingest.protocols.posthog.properties import context_of, own_properties
from personalization.ingest.reading import object_of, text_of

#: Those with names of their own here; `$` names not listed are kept as they are.
TRACKED = {"$autocapture": "Element Clicked"}
CALLS = {
    "$identify": "identify", "$set": "identify", "$set_once": "identify",
    "$create_alias": "alias", "$groupidentify": "group",
    "$pageview": "page", "$screen": "screen",
}  # fmt: skip
#: What the browser library sends for visitors it is told not to recognize.
_COOKIELESS = "$posthog_cookieless"


def call_of(event: Any, message: Message) -> Mapping[str, Any]:
    """Return the call that an event stands for.

    :raises EventRejected: when it has no name, or a part of it is of the wrong type.
    """
    data = object_of(event)
    properties = object_of(data.get("properties"), "/properties")
    name = text_of(data.get("event"))
    if name is None:
        raise EventRejected("/event is needed: a text.", code="missing_event", pointer="/event")
    kind = CALLS.get(name, "track")
    return {
        "type": kind,
        "event": TRACKED.get(name, name),
        **_ids(name, data, properties, message),
        **_content(name, kind, data, properties),
        "context": context_of(data, properties),
        "timestamp": data.get("timestamp"),
        "messageId": _message_id(data, properties),
    }


def _ids(
    name: str, data: Mapping[str, Any], properties: Mapping[str, Any], message: Message
) -> Mapping[str, Any]:
    """Return whose an event is.

    Only `$identify` says that a browser and a person are one: the library goes on to name
    its `$device_id` when somebody else uses the browser.
    """
    person = data.get("distinct_id") or properties.get("distinct_id")
    if person == _COOKIELESS:
        return {"anonymousId": visitor_of(message, site=properties.get("$host"))}
    if name == "$identify":
        return {"userId": person, "anonymousId": properties.get("$anon_distinct_id")}
    if name == "$create_alias":  # `distinct_id` is the id of before
        return {"userId": properties.get("alias"), "previousId": person}
    return {"anonymousId" if _is_anonymous(person, data, properties) else "userId": person}


def _is_anonymous(person: Any, data: Mapping[str, Any], properties: Mapping[str, Any]) -> bool:
    """Return whether the library means a browser; a server means a person, unless it
    wants no profile of them."""
    identified = properties.get("$is_identified")
    if isinstance(identified, bool):
        return not identified
    if properties.get("$process_person_profile") is False:
        return True
    options = object_of(data.get("options"), "/options")
    if options.get("process_person_profile") is False:
        return True
    return isinstance(person, str) and person == properties.get("$device_id")


def _content(
    name: str, kind: str, data: Mapping[str, Any], properties: Mapping[str, Any]
) -> Mapping[str, Any]:
    if kind == "identify":
        return {"traits": _said(data, properties, "$set")}
    if kind == "group":
        traits = object_of(properties.get("$group_set"), "/properties/$group_set")
        group_type = properties.get("$group_type")
        return {
            "groupId": properties.get("$group_key"),
            "traits": {**traits, "groupType": group_type} if group_type else traits,
        }
    if kind == "screen":
        return {
            "name": properties.get("$screen_name"),
            "properties": own_properties(properties, of=name),
        }
    return {"properties": own_properties(properties, of=name)}


def _said(data: Mapping[str, Any], properties: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return what is said about the person: beside the properties, or among them."""
    return {
        **object_of(properties.get(name), f"/properties/{name}"),
        **object_of(data.get(name), f"/{name}"),
    }


def _message_id(data: Mapping[str, Any], properties: Mapping[str, Any]) -> Any:
    stated = data.get("uuid") or properties.get("$insert_id")
    if stated or not data.get("timestamp"):
        return stated
    return message_id_of("posthog", data)
