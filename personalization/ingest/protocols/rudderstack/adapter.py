"""What RudderStack's clients need beside the addresses they share with Segment's: the
beacon, the pixel and the document that their browser library reads first.

Source: rudder-server's gateway and rudder-sdk-js, both public.
"""

from __future__ import annotations

from typing import Any

from personalization.exceptions import RequestRejected
from personalization.ingest.adapter import Adapter, Answer, Envelope, Route, adapters, refusal
from personalization.ingest.message import Message
from personalization.ingest.outcome import Outcome
from personalization.ingest.protocols.rudderstack.pixel import event_of

#: One transparent point.
GIF = (
    b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff!\xf9\x04\x01\x00\x00\x00\x00"
    b",\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;"
)
PIXELS = ("track", "page")


@adapters.register("rudderstack")
class RudderStack(Adapter):
    routes = (
        Route(path="beacon/v1/batch", call="batch"),
        *(Route(path=f"pixel/v1/{call}", call=call, methods=("GET",)) for call in PIXELS),
        Route(path="sourceConfig", call="settings", methods=("GET",), document=True),
    )

    def open(self, message: Message) -> Envelope:
        keys = [message.query.get("writeKey")]
        if message.call in PIXELS:
            return Envelope(events=[event_of(message.query)], keys=keys, single=True)
        body = message.object()
        events = body.get("batch")
        if not isinstance(events, list):
            raise RequestRejected("/batch is needed: a list of events.", code="missing_batch")
        return Envelope(
            events=events, keys=[*keys, body.get("writeKey")], sent_at=body.get("sentAt")
        )

    def call(self, event: Any, message: Message) -> Any:
        return event if message.call == "batch" else {**event, "type": message.call}

    def answer(self, outcome: Outcome, message: Message) -> Answer:
        return _pixel() if message.call in PIXELS else Answer(body=outcome.to_json())

    def refuse(self, error: RequestRejected, message: Message) -> Answer:
        # An e-mail or a page shows the picture, whatever became of the event.
        shown = message.call in PIXELS and error.status not in (404, 405)
        return _pixel() if shown else refusal(error)

    def document(self, message: Message) -> Answer:
        """Return the source that the browser library asks for: one without destinations."""
        key = message.query.get("writeKey", "")
        silent = {"errors": {"enabled": False}, "metrics": {"enabled": False}}
        source = {
            "id": key,
            "name": "personalization",
            "writeKey": key,
            "enabled": True,
            "workspaceId": "personalization",
            "config": {"statsCollection": silent},
            "destinations": [],
            "connections": [],
            "dataplanes": {},
        }
        return Answer(body={"source": source})


def _pixel() -> Answer:
    return Answer(body=GIF, headers={"Cache-Control": "no-store"}, content_type="image/gif")
