"""The Measurement Protocol of Google Analytics 4.

Source: Google's public reference of the protocol and of its recommended events.
"""

from __future__ import annotations

from typing import Any

from personalization.exceptions import RequestRejected
from personalization.ingest.adapter import Adapter, Answer, Envelope, Route, adapters, refusal
from personalization.ingest.message import Message
from personalization.ingest.outcome import Outcome
from personalization.ingest.protocols.ga4.calls import call_of
from personalization.ingest.protocols.ga4.request import parts_of
from personalization.ingest.protocols.ga4.validation import complaint, complaints

#: The protocol answers 2xx to whatever it understood, except for these.
_TOLD = (404, 405, 411, 413, 429)


@adapters.register("ga4")
class GoogleAnalytics(Adapter):
    routes = (
        Route(path="mp/collect", call="collect"),
        Route(path="debug/mp/collect", call="debug", document=True),
    )

    def open(self, message: Message) -> Envelope:
        keys = [message.query.get("api_secret"), message.query.get("writeKey")]
        return Envelope(events=parts_of(message.object()), keys=keys)

    def call(self, event: Any, message: Message) -> Any:
        return call_of(event, message)

    def answer(self, outcome: Outcome, message: Message) -> Answer:
        if outcome.rejected:
            return Answer(body=outcome.to_json())
        return Answer(body=b"", status=204)

    def refuse(self, error: RequestRejected, message: Message) -> Answer:
        if error.status in _TOLD or error.status >= 500:
            return refusal(error)
        if message.call == "debug":
            return Answer(body={"validationMessages": [complaint("", str(error))]})
        return Answer(body=refusal(error).body)

    def document(self, message: Message) -> Answer:
        """Return what is wrong with a request that is sent to be looked at, not kept."""
        return Answer(body={"validationMessages": complaints(message)})
