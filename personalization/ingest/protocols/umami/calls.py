"""What the events of Umami mean in the terms of the Segment spec."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from personalization.exceptions import EventRejected
from personalization.ingest.message import Message
from personalization.ingest.nameless import message_id_of, visitor_of
from personalization.ingest.pages import context_of, page_of
from personalization.ingest.reading import SECOND, number_of, object_of, shown, text_of, time_of

TYPES = ("event", "identify", "performance", "engagement")
#: What an event belongs to; the write key stands there.
SITES = ("website", "link", "pixel")
_VITALS = ("lcp", "inp", "cls", "fcp", "ttfb")


def payload_of(event: Any) -> Mapping[str, Any]:
    """Return the payload of an event, an empty one for what is none."""
    payload = event.get("payload") if isinstance(event, Mapping) else None
    return payload if isinstance(payload, Mapping) else {}


def call_of(event: Any, message: Message) -> Mapping[str, Any]:
    """Return the call that an event stands for.

    :raises EventRejected: when its type is not known, or a part of the wrong type.
    """
    data = object_of(event)
    kind = data.get("type")
    if kind not in TYPES:
        raise EventRejected(
            f"/type: “{shown(kind)}” is not known. Allowed: {', '.join(TYPES)}.",
            code="unknown_type",
            pointer="/type",
        )
    payload = object_of(data.get("payload"), "/payload")
    at = time_of(payload.get("timestamp"), unit=SECOND, pointer="/payload/timestamp")
    return {
        **_what(kind, payload),
        **_who(kind, payload, message),
        "context": _context(payload, message),
        "timestamp": at,
        "messageId": message_id_of("umami", data, message.address) if at else None,
    }


def _what(kind: str, payload: Mapping[str, Any]) -> Mapping[str, Any]:
    properties = dict(object_of(payload.get("data"), "/payload/data"))
    if tag := text_of(payload.get("tag")):
        properties.setdefault("tag", tag)
    if kind == "identify":
        return {"type": "identify", "traits": properties}
    if kind == "performance":
        vitals = {name: payload[name] for name in _VITALS if name in payload}
        return _track("Web Vitals Measured", properties | vitals)
    if kind == "engagement":
        milliseconds = number_of(payload.get("engagement"))
        seconds = {} if milliseconds is None else {"seconds": milliseconds / 1000}
        return _track("Engaged", properties | seconds)
    name = text_of(payload.get("name"))
    return _track(name, properties) if name else {"type": "page", "properties": properties}


def _track(name: str, properties: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"type": "track", "event": name, "properties": properties}


def _who(kind: str, payload: Mapping[str, Any], message: Message) -> Mapping[str, Any]:
    """Return whose an event is: `id` is a person, `vid` a browser that the script names.

    Only `identify` says that both are one: others may use the browser later.
    """
    person, browser = payload.get("id"), payload.get("vid")
    if person:
        return {"userId": person, "anonymousId": browser if kind == "identify" else None}
    return {"anonymousId": browser or _visitor(payload, message)}


def _visitor(payload: Mapping[str, Any], message: Message) -> str:
    return visitor_of(
        message,
        site=payload.get("website"),
        address=payload.get("ip"),
        user_agent=payload.get("userAgent"),
    )


def _context(payload: Mapping[str, Any], message: Message) -> Mapping[str, Any]:
    page = page_of(payload.get("url"), title=payload.get("title"), referrer=payload.get("referrer"))
    agent = text_of(payload.get("userAgent")) or message.headers.get("User-Agent")
    return context_of(
        page,
        userAgent=agent,
        locale=text_of(payload.get("language")),
        library={"name": "umami"},
        screen=_screen(payload.get("screen")),
    )


def _screen(text: Any) -> Mapping[str, Any]:
    """Return the size that “1280x720” states."""
    width, _, height = (text_of(text) or "").partition("x")
    sizes = {"width": number_of(width), "height": number_of(height)}
    return {name: value for name, value in sizes.items() if value is not None}
