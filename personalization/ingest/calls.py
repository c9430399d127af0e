"""The calls that every protocol is turned into: they become arrivals.

Source: Segment's public spec of the common fields and of the six calls.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from personalization.clock import microseconds
from personalization.events.models import Event
from personalization.exceptions import EventRejected
from personalization.ingest.arrival import Arrival
from personalization.ingest.clean import refuse_poison
from personalization.ingest.identities import SIGNED_USER, Sender, identities_of
from personalization.ingest.minimise import ADDRESSES, kept_context
from personalization.ingest.network import stated_network, with_network
from personalization.ingest.times import happened_at
from personalization.privacy.encryption import sealed_traits

TYPES = tuple(Event.Type.values)
#: The names under which calls without an event name are counted.
NAMES = {
    "page": "Page Viewed", "screen": "Screen Viewed", "identify": "Identified",
    "group": "Grouped", "alias": "Aliased",
}  # fmt: skip
MAX_NAME, MAX_MESSAGE_ID = 200, 100
#: What a context may hold and no store, nor what is set aside: an address, a proof of who sends.
PRIVATE = ADDRESSES | {SIGNED_USER}
#: What no context of an event holds: that, and traits, which are stated elsewhere.
NOT_KEPT = PRIVATE | {"traits"}


def read_event(data: Any, *, sender: Sender, clean: bool = False) -> Arrival:
    """Return the arrival of one call; `clean` says that it holds nothing that no store can.

    :raises EventRejected: naming what is wrong and what is allowed.
    """
    if type(data) is not dict and not isinstance(data, Mapping):
        raise EventRejected("An event is a JSON object.", code="invalid_event")
    if not clean:
        refuse_poison(data)
    kind = data.get("type")
    if kind not in TYPES:
        raise EventRejected(
            f"/type: “{str(kind)[:50]}” is not known. Allowed: {', '.join(TYPES)}.",
            code="unknown_type",
            pointer="/type",
        )
    key, joins = identities_of(data, kind, sender)
    stated = data.get("timestamp") or data.get("originalTimestamp")
    at = happened_at(stated, sent_at=sender.sent_at, received_at=sender.received_at)
    context = _object(data, "context")
    return Arrival(
        type=kind,
        name=_name(data, kind),
        properties=_properties(data, kind, context, trusted=sender.trusted),
        context=_context(context, sender),
        at=microseconds(at),
        message_id=_message_id(data),
        key=key,
        joins=joins,
    )


def _context(context: Mapping[str, Any], sender: Sender) -> Mapping[str, Any]:
    kept = kept_context(context, but=NOT_KEPT)
    if sender.network is None:
        return kept
    # Of a server's event that is replayed, the sender knows what was stated when it came.
    stated = stated_network(context) if sender.trusted else {}
    return with_network(kept, {**sender.network, **stated})


def _name(data: Mapping[str, Any], kind: str) -> str:
    if kind != "track":
        return NAMES[kind]
    name = data.get("event")
    if not isinstance(name, str) or not 1 <= len(name.strip()) <= MAX_NAME:
        raise EventRejected(
            f"/event is needed: a text of 1 to {MAX_NAME} characters.",
            code="missing_event",
            pointer="/event",
        )
    return name.strip()


def _properties(
    data: Mapping[str, Any], kind: str, context: Mapping[str, Any], *, trusted: bool
) -> Mapping[str, Any]:
    if kind == "identify":
        traits = _object(data, "traits") or _object(context, "traits")
        return sealed_traits(traits, trusted=trusted)
    if kind == "group":
        return {**_object(data, "traits"), "groupId": data.get("groupId")}
    if kind == "alias":
        return {"previousId": data.get("previousId"), "userId": data.get("userId")}
    properties = _object(data, "properties")
    if kind == "track":
        return properties
    stated = {name: data[name] for name in ("name", "category") if isinstance(data.get(name), str)}
    return {**_object(context, "page"), **stated, **properties}


def _object(data: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = data.get(name)
    if type(value) is dict:  # nearly always; asking an abstract class takes its time
        return value
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise EventRejected(f"/{name} is a JSON object.", code="invalid_event", pointer=f"/{name}")
    return value


def _message_id(data: Mapping[str, Any]) -> str:
    value = data.get("messageId")
    if type(value) is str and 0 < len(value) <= MAX_MESSAGE_ID:
        return value
    if value is None or value == "":
        return uuid.uuid4().hex
    text = str(value)
    if len(text) > MAX_MESSAGE_ID or isinstance(value, dict | list):
        raise EventRejected(
            f"/messageId is a text of {MAX_MESSAGE_ID} characters at most.",
            code="invalid_message_id",
            pointer="/messageId",
        )
    return text
