"""A request of the Measurement Protocol, taken apart: each event with what is said of all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from personalization.exceptions import RequestRejected
from personalization.ingest.reading import shown

DENIED = "DENIED"


def parts_of(body: Mapping[str, Any]) -> list[Any]:
    """Return the parts of a request: its user properties and each of its events.

    A part is what a call is made of: `who`, `at` (microseconds), `denied`, `position`, and
    either `traits` or an `event`.

    :raises RequestRejected: when there are neither.
    """
    events = body.get("events")
    if isinstance(events, Mapping):  # some libraries send a single one so
        events = [events]
    properties = body.get("user_properties")
    traits = list(_traits(properties)) if isinstance(properties, Mapping) else []
    if events is None and traits:
        events = []
    if not isinstance(events, list):
        raise RequestRejected("/events is needed: a list of events.", code="missing_batch")
    said = _said_of_all(body)
    parts = [{**said, **part} for part in traits]
    for position, event in enumerate(events):
        parts.append({**said, "position": position, "event": event})
    return parts


def _said_of_all(body: Mapping[str, Any]) -> Mapping[str, Any]:
    consent = body.get("consent")
    answer = consent.get("ad_personalization") if isinstance(consent, Mapping) else None
    browser = body.get("client_id") or body.get("app_instance_id")
    return {
        "who": {"userId": body.get("user_id"), "anonymousId": browser},
        "at": body.get("timestamp_micros"),
        "denied": answer == DENIED or body.get("non_personalized_ads") is True,
    }


def _traits(properties: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the user properties, those of one time together."""
    by_time: dict[str, tuple[Any, dict[str, Any]]] = {}
    for name, stated in properties.items():
        value, at = stated, None
        if isinstance(stated, Mapping):
            value, at = stated.get("value"), stated.get("timestamp_micros")
        by_time.setdefault(shown(at), (at, {}))[1][name] = value
    for at, traits in by_time.values():
        own_time = {} if at is None else {"at": at}
        yield {"position": "user_properties", "traits": traits, **own_time}
