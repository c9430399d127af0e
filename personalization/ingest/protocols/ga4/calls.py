"""What the events of Google Analytics mean in the terms of the Segment spec."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from personalization.exceptions import EventRejected
from personalization.ingest.message import Message
from personalization.ingest.nameless import message_id_of
from personalization.ingest.pages import context_of, page_of
from personalization.ingest.protocols.ga4.commerce import NAMES, in_our_terms
from personalization.ingest.reading import number_of, object_of, text_of, time_of

PAGE, SCREEN = "page_view", "screen_view"
_PAGE = ("page_location", "page_title", "page_referrer")
_ENGAGEMENT = "engagement_time_msec"  # sent with every event; only one is about it
_ELSEWHERE = (*_PAGE, _ENGAGEMENT, "session_id")


def call_of(part: Mapping[str, Any], message: Message) -> Mapping[str, Any]:
    """Return the call that a part of a request stands for.

    :raises EventRejected: when it may not be kept, or is no event.
    """
    if part["denied"]:
        raise EventRejected(
            "The visitor denied personalization: nothing was kept.",
            code="no_consent",
            pointer="/consent/ad_personalization",
        )
    if "traits" in part:
        what: Mapping[str, Any] = {"type": "identify", "traits": part["traits"], "context": {}}
    else:
        what = _event(object_of(part["event"]), message)
    stated = _own_time(part)
    at = time_of(stated, unit=1, pointer="/timestamp_micros")
    return {
        **what,
        **part["who"],
        "timestamp": at,
        "messageId": message_id_of("ga4", part) if at else None,
    }


def _own_time(part: Mapping[str, Any]) -> Any:
    event = part.get("event")
    own = event.get("timestamp_micros") if isinstance(event, Mapping) else None
    return part["at"] if own is None else own


def _event(event: Mapping[str, Any], message: Message) -> Mapping[str, Any]:
    name = text_of(event.get("name"))
    if name is None:
        raise EventRejected("/name is needed: a text.", code="missing_event", pointer="/name")
    params = object_of(event.get("params"), "/params")
    context = _context(params, message)
    own = {key: value for key, value in params.items() if key not in _ELSEWHERE}
    if name == PAGE:
        return {"type": "page", "properties": own, "context": context}
    if name == SCREEN:
        return {
            "type": "screen",
            "name": params.get("screen_name"),
            "properties": own,
            "context": context,
        }
    return {
        "type": "track",
        "event": NAMES.get(name, name),
        "properties": _properties(name, own, params.get(_ENGAGEMENT)),
        "context": context,
    }


def _properties(name: str, params: Mapping[str, Any], milliseconds: Any) -> Mapping[str, Any]:
    engaged = number_of(milliseconds)
    if name == "user_engagement" and engaged is not None:
        return {**params, "seconds": engaged / 1000}
    return in_our_terms(name, params)


def _context(params: Mapping[str, Any], message: Message) -> Mapping[str, Any]:
    location, title, referrer = (params.get(name) for name in _PAGE)
    return context_of(
        page_of(location, title=title, referrer=referrer),
        sessionId=params.get("session_id"),
        library={"name": "ga4"},
        measurementId=text_of(message.query.get("measurement_id")),
    )
