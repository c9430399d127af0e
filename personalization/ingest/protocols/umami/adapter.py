"""Umami's collection API, for its script and libraries.

Source: Umami's public sources (`src/app/api/send`, `src/app/api/batch`, `src/tracker`).
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.crypto import salted_hmac

from personalization.exceptions import RequestRejected, Unauthorized
from personalization.ingest.adapter import Adapter, Answer, Envelope, Route, adapters, refusal
from personalization.ingest.message import Message
from personalization.ingest.outcome import Outcome
from personalization.ingest.protocols.umami.calls import SITES, call_of, payload_of

BOT = {"beep": "boop"}
_HOUR = 3_600_000_000  # in microseconds


@adapters.register("umami")
class Umami(Adapter):
    routes = (Route(path="api/send", call="send"), Route(path="api/batch", call="batch"))

    def open(self, message: Message) -> Envelope:
        single = message.call == "send"
        events = [message.object()] if single else _batch(message)
        keys = [message.query.get("writeKey"), *_sites(events)]
        return Envelope(events=events, keys=keys, single=single)

    def call(self, event: Any, message: Message) -> Any:
        return call_of(event, message)

    def answer(self, outcome: Outcome, message: Message) -> Answer:
        if message.call == "batch":
            return Answer(body=_counts(outcome))
        return Answer(body=_visit(outcome) if outcome.arrivals else outcome.to_json())

    def refuse(self, error: RequestRejected, message: Message) -> Answer:
        return Answer(body=BOT) if error.code == "bot" else refusal(error)


def _sites(events: Sequence[Any]) -> Sequence[str]:
    """Return the one site that the events belong to; its id is the write key.

    :raises Unauthorized: when they belong to several.
    """
    stated = [payload_of(event).get(name) for event in events for name in SITES]
    sites = list(dict.fromkeys(site for site in stated if isinstance(site, str)))
    if len(sites) > 1:
        raise Unauthorized("The events of a request belong to one website.", code="mixed_keys")
    return sites


def _batch(message: Message) -> list[Any]:
    events = message.json()
    if not isinstance(events, list):
        raise RequestRejected("A batch is a JSON list of events.", code="missing_batch")
    return events


def _visit(outcome: Outcome) -> Mapping[str, Any]:
    """Return what the libraries expect; nothing of ours can be learned from it."""
    arrival = outcome.arrivals[0]
    session = _uuid("session", arrival.key.value)
    # No token: the look-ups that Umami saves with one cost us nothing.
    return {
        "cache": "",
        "sessionId": session,
        "visitId": _uuid("visit", f"{session} {arrival.at // _HOUR}"),
    }


def _uuid(kind: str, value: str) -> str:
    digest = salted_hmac(f"personalization.umami.{kind}", value, algorithm="sha256").digest()
    return str(uuid.UUID(bytes=digest[:16], version=4))


def _counts(outcome: Outcome) -> Mapping[str, Any]:
    details = [
        {"index": one.index, "response": {"error": {"code": one.code, "message": one.message}}}
        for one in outcome.rejected
    ]
    processed = len(outcome.arrivals)
    return {
        "size": processed + len(details),
        "processed": processed,
        "errors": len(details),
        "details": details,
    }
