"""The Segment HTTP Tracking API: its calls become arrivals.

Source: Segment's public spec of the common fields and of the six calls.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from personalization.clock import microseconds
from personalization.events.models import Event
from personalization.exceptions import EventRejected
from personalization.ingest.arrival import Arrival
from personalization.ingest.clean import refuse_poison
from personalization.ingest.times import happened_at
from personalization.profiles.identity import Key
from personalization.profiles.models import Identity

TYPES = tuple(Event.Type.values)
#: The names under which calls without an event name are counted.
NAMES = {
    "page": "Page Viewed", "screen": "Screen Viewed", "identify": "Identified",
    "group": "Grouped", "alias": "Aliased",
}  # fmt: skip
MAX_NAME, MAX_ID, MAX_MESSAGE_ID = 200, 200, 100
#: What broken clients send when they mean nobody (as PostHog and Segment Unify list them).
NOBODY = frozenset({
    "", "anonymous", "guest", "undefined", "null", "none", "nan", "true", "false",
    "[object object]", "not_authenticated", "distinct_id", "distinctid", "id", "email", "-1",
})  # fmt: skip
_ZEROS = re.compile(r"[0-]+")  # "00000000-0000-0000-0000-000000000000" is nobody either


@dataclass(frozen=True, kw_only=True)
class Sender:
    """Who sends: how far its claims go, and what the visitor's cookie proves."""

    trusted: bool
    visitor_id: str | None
    received_at: datetime
    sent_at: datetime | None = None


def read_event(data: Any, *, sender: Sender, kind: str | None = None) -> Arrival:
    """Return the arrival of one call; `kind` is its type where the path says it.

    :raises EventRejected: naming what is wrong and what is allowed.
    """
    if not isinstance(data, Mapping):
        raise EventRejected("An event is a JSON object.", code="invalid_event")
    refuse_poison(data)
    kind = kind or data.get("type")
    if kind not in TYPES:
        raise EventRejected(
            f"/type: “{str(kind)[:50]}” is not known. Allowed: {', '.join(TYPES)}.",
            code="unknown_type",
        )
    key, joins = _identities(data, kind, sender)
    stated = data.get("timestamp") or data.get("originalTimestamp")
    at = happened_at(stated, sent_at=sender.sent_at, received_at=sender.received_at)
    context = _object(data, "context")
    return Arrival(
        type=kind,
        name=_name(data, kind),
        properties=_properties(data, kind, context),
        context={name: value for name, value in context.items() if name not in ("ip", "traits")},
        at=microseconds(at),
        message_id=_message_id(data),
        key=key,
        joins=joins,
    )


def _identities(data: Mapping[str, Any], kind: str, sender: Sender) -> tuple[Key, Key | None]:
    """Return the identity an event belongs to and the one it is joined with.

    A browser proves nobody but the visitor of its cookie: a user id it names is
    kept apart, so that it can neither merge nor reveal a profile.
    """
    user, anonymous = _id(data, "userId"), _id(data, "anonymousId")
    if sender.trusted:
        named = Key(Identity.USER, user) if user else None
        other = _id(data, "previousId") if kind == "alias" else anonymous
        unnamed = Key(Identity.ANONYMOUS, other) if other else None
        if named:
            return named, unnamed
    else:
        anonymous = sender.visitor_id or anonymous
        unnamed = Key(Identity.ANONYMOUS, anonymous) if anonymous else None
        if unnamed is None and user:
            unnamed = Key(Identity.CLAIMED, user)
    if unnamed is None:
        raise EventRejected("userId or anonymousId is needed.", code="missing_ids")
    return unnamed, None


def _id(data: Mapping[str, Any], name: str) -> str | None:
    value = data.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise EventRejected(f"/{name} is a text.", code="invalid_id")
    text = str(value).strip()
    if len(text) > MAX_ID:
        raise EventRejected(
            f"/{name} has {len(text)} characters; {MAX_ID} are allowed.", code="invalid_id"
        )
    if text.strip("\"'").lower() in NOBODY or _ZEROS.fullmatch(text):
        return None
    return text


def _name(data: Mapping[str, Any], kind: str) -> str:
    if kind != "track":
        return NAMES[kind]
    name = data.get("event")
    if not isinstance(name, str) or not 1 <= len(name.strip()) <= MAX_NAME:
        raise EventRejected(
            f"/event is needed: a text of 1 to {MAX_NAME} characters.", code="missing_event"
        )
    return name.strip()


def _properties(
    data: Mapping[str, Any], kind: str, context: Mapping[str, Any]
) -> Mapping[str, Any]:
    if kind == "identify":
        return _object(data, "traits") or _object(context, "traits")
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
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise EventRejected(f"/{name} is a JSON object.", code="invalid_event")
    return value


def _message_id(data: Mapping[str, Any]) -> str:
    value = data.get("messageId")
    if value is None or value == "":
        return uuid.uuid4().hex
    text = str(value)
    if len(text) > MAX_MESSAGE_ID or isinstance(value, dict | list):
        raise EventRejected(
            f"/messageId is a text of {MAX_MESSAGE_ID} characters at most.",
            code="invalid_message_id",
        )
    return text
