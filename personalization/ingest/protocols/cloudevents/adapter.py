"""CloudEvents 1.0 over HTTP: one event in headers and body (binary), one in the body
(structured), or many (batched).

Source: the CloudEvents HTTP protocol binding and JSON event format, version 1.0.2.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from personalization.exceptions import RequestRejected
from personalization.ingest.adapter import Adapter, Envelope, Route, adapters
from personalization.ingest.message import Message
from personalization.ingest.protocols.cloudevents.attributes import call_of
from personalization.ingest.protocols.cloudevents.data import data_of
from personalization.ingest.reading import shown

STRUCTURED = "application/cloudevents+json"
BATCHED = "application/cloudevents-batch+json"
_PREFIX = "ce-"


@adapters.register("cloudevents")
class CloudEvents(Adapter):
    routes = (Route(path="v1/cloudevents", call="events"),)

    def open(self, message: Message) -> Envelope:
        keys = [message.query.get("writeKey")]
        if message.content_type == BATCHED:
            return Envelope(events=_batch(message), keys=keys)
        if message.content_type == STRUCTURED:
            return Envelope(events=[message.object()], keys=keys, single=True)
        return Envelope(events=[_binary(message)], keys=keys, single=True)

    def call(self, event: Any, message: Message) -> Any:
        return call_of(event)


def _batch(message: Message) -> list[Any]:
    events = message.json()
    if not isinstance(events, list):
        raise RequestRejected("A batch is a JSON list of events.", code="missing_batch")
    return events


def _binary(message: Message) -> Mapping[str, Any]:
    attributes = {
        name[len(_PREFIX) :].lower(): _unquoted(value)
        for name, value in message.headers.items()
        if name.lower().startswith(_PREFIX)
    }
    if not attributes or message.content_type.startswith("application/cloudevents"):
        raise RequestRejected(
            f"“{shown(message.content_type)}” is not taken here. Allowed: {STRUCTURED}, {BATCHED}, "
            "or the attributes of the event in ce- headers.",
            code="unsupported_type",
            status=415,
        )
    data = data_of(message.body, message.content_type)
    return {**attributes, "datacontenttype": message.content_type, "data": data}


def _unquoted(value: str) -> str:
    """Return the value of a header: percent-encoded UTF-8, perhaps in quotes (§ 3.1.3.2)."""
    if len(value) > 1 and value[0] == value[-1] == '"':
        value = value[1:-1].replace('\\"', '"').replace("\\\\", "\\")
    return unquote(value)
