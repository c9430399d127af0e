"""The Segment HTTP Tracking API, by the long names of its documentation and by the short
ones its browser library uses; RudderStack's clients send to the long ones too.

Source: Segment's public HTTP API and spec pages.
"""

from __future__ import annotations

from typing import Any

from personalization.exceptions import RequestRejected
from personalization.ingest.adapter import Adapter, Answer, Envelope, Route, adapters
from personalization.ingest.message import Message
from personalization.ingest.outcome import Outcome

#: The calls with the short names that stand for them in a path.
SHORT = {
    "track": "t", "identify": "i", "page": "p", "screen": "s", "group": "g", "alias": "a",
}  # fmt: skip
BATCHES = ("batch", "import", "b")
#: RFC 7240: a client that asks for it is told what became of each event.
PREFER = "return=representation"


@adapters.register("segment")
class Segment(Adapter):
    routes = (
        *(Route(path=f"v1/{name}", call="batch") for name in BATCHES),
        *(
            Route(path=f"v1/{name}", call=call)
            for call, short in SHORT.items()
            for name in (call, short)
        ),
        Route(
            path=r"v1/projects/(?P<key>[^/]+)/settings",
            call="settings",
            methods=("GET",),
            document=True,
        ),
    )

    def open(self, message: Message) -> Envelope:
        body = message.object()
        keys = (body.get("writeKey"), message.query.get("writeKey"))
        if message.call != "batch":
            return Envelope(events=[body], keys=keys, sent_at=body.get("sentAt"), single=True)
        events = body.get("batch")
        if not isinstance(events, list):
            raise RequestRejected("/batch is needed: a list of events.", code="missing_batch")
        return Envelope(events=events, keys=keys, sent_at=body.get("sentAt"))

    def call(self, event: Any, message: Message) -> Any:
        if message.call == "batch":
            return event
        # The body is the event here, and the key in it is none of its.
        stated = {name: value for name, value in event.items() if name != "writeKey"}
        return {**stated, "type": message.call}

    def asks_for_each(self, message: Message) -> bool:
        preferences = message.headers.get("Prefer", "").lower().split(",")
        return PREFER in (preference.strip() for preference in preferences)

    def answer(self, outcome: Outcome, message: Message) -> Answer:
        body = outcome.to_json()
        if not self.asks_for_each(message):
            return Answer(body=body)
        return Answer(
            body={**body, "results": outcome.each()}, headers={"Preference-Applied": PREFER}
        )

    def document(self, message: Message) -> Answer:
        """Return the settings that Segment's browser library loads before it sends."""
        scheme, _, host = message.base.partition("://")
        destination = {
            "apiKey": message.parameters["key"],
            "apiHost": f"{host}/v1",
            "protocol": scheme,
        }
        return Answer(
            body={
                "integrations": {"Segment.io": destination},
                "plan": {"track": {"__default": {"enabled": True}}},
                "metrics": {"sampleRate": 0},
            }
        )
