"""What the debug address answers: what is wrong with a request, in the terms of Google's
validation server, found by its main rules and by ours."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from personalization.exceptions import EventRejected
from personalization.ingest.calls import read_event
from personalization.ingest.identities import Sender
from personalization.ingest.message import Message
from personalization.ingest.protocols.ga4.calls import call_of
from personalization.ingest.protocols.ga4.request import parts_of
from personalization.ingest.reading import shown
from personalization.types import JsonObject

MOST_EVENTS, LONGEST_NAME = 25, 40
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


def complaint(path: str, description: str, code: str = "VALUE_INVALID") -> JsonObject:
    return {"fieldPath": path, "description": description, "validationCode": code}


def complaints(message: Message) -> list[JsonObject]:
    """Return what is wrong with a request; an empty list when it would be kept.

    :raises RequestRejected: when it cannot be understood at all.
    """
    body = message.object()
    return [*_of_all(body), *_of_each(body, message)]


def _of_all(body: Mapping[str, Any]) -> Iterator[JsonObject]:
    if not (body.get("client_id") or body.get("app_instance_id")):
        yield complaint("client_id", "client_id is needed.", "VALUE_REQUIRED")
    events = body.get("events")
    if isinstance(events, list) and len(events) > MOST_EVENTS:
        description = f"There are {len(events)} events; {MOST_EVENTS} are allowed."
        yield complaint("events", description, "EXCEEDED_MAX_ENTITIES")


def _of_each(body: Mapping[str, Any], message: Message) -> Iterator[JsonObject]:
    sender = Sender(trusted=True, visitor_id=None, received_at=message.received_at)
    for part in parts_of(body):
        path = "events" if "event" in part else "user_properties"
        where = f"Event at index: [{part['position']}]" if "event" in part else "User properties"
        try:
            read_event(call_of(part, message), sender=sender)
        except EventRejected as error:
            if error.code != "missing_ids":  # said once for all
                yield complaint(path, f"{where}: {error}")
            continue
        if "event" in part and not _is_name(name := part["event"]["name"]):
            yield complaint(path, f"{where} has invalid name [{shown(name)}].", "NAME_INVALID")


def _is_name(name: str) -> bool:
    return len(name) <= LONGEST_NAME and _NAME.fullmatch(name) is not None
