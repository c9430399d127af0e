"""Plausible's events API, for its script and the plug-ins of many systems.

Source: Plausible's public events API reference and its script.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from personalization.exceptions import RequestRejected
from personalization.ingest.adapter import Adapter, Answer, Envelope, Route, adapters, refusal
from personalization.ingest.message import Message
from personalization.ingest.nameless import address_of
from personalization.ingest.outcome import Outcome
from personalization.ingest.protocols.plausible.calls import call_of, stated
from personalization.ingest.reading import text_of

DROPPED = {"x-plausible-dropped": "1"}
#: What a client can mend by trying later, or this site by its settings, is no dropped event.
_TOLD = (404, 405, 411, 413, 429)


@adapters.register("plausible")
class Plausible(Adapter):
    routes = (Route(path="api/event", call="event"),)

    def open(self, message: Message) -> Envelope:
        body = message.object()
        return Envelope(events=[body], keys=[*_keys(message, body)], single=True)

    def call(self, event: Any, message: Message) -> Any:
        return call_of(event, message)

    def answer(self, outcome: Outcome, message: Message) -> Answer:
        if message.headers.get("X-Debug-Request", "").lower() == "true":
            return Answer(body=address_of(message).encode(), content_type="text/plain")
        headers = {} if outcome.arrivals else DROPPED
        return Answer(body=b"ok", status=202, headers=headers, content_type="text/plain")

    def refuse(self, error: RequestRejected, message: Message) -> Answer:
        answer = refusal(error)
        if error.status in _TOLD or error.status >= 500:
            return answer
        return Answer(body=answer.body, status=202, headers=DROPPED)


def _keys(message: Message, body: Mapping[str, Any]) -> Iterator[Any]:
    """Yield what may be a write key: the one in the query, or each site that is named."""
    yield message.query.get("writeKey")
    for site in (text_of(stated(body, "domain")) or "").split(","):
        yield site.strip()
