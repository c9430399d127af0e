"""Send calls with cloudevents and requests: in the mode "binary", "structured" or "batched"."""

from __future__ import annotations

from typing import Any

import asked
import requests
from cloudevents.core.bindings.http import HTTPMessage, to_binary_event, to_structured_event
from cloudevents.core.v1.event import CloudEvent

BATCHED = "application/cloudevents-batch+json"


def event_of(call: dict[str, Any]) -> CloudEvent:
    attributes = {
        "type": call.get("event") or call["type"],
        "source": "https://shop.example/checkout",
        "subject": call.get("userId"),
        "time": call.get("timestamp"),
        "id": call.get("messageId"),
        "anonymousid": call.get("anonymousId"),
        "previousid": call.get("previousId"),
        "groupid": call.get("groupId"),
    }
    known = {name: value for name, value in attributes.items() if value is not None}
    return CloudEvent(known, call.get("properties") or call.get("traits"))


def messages(events: list[CloudEvent], mode: str) -> list[HTTPMessage]:
    if mode == "binary":
        return [to_binary_event(event) for event in events]
    structured = [to_structured_event(event) for event in events]
    if mode == "structured":
        return structured
    # The library knows no batches; by the specification they are a list of structured events.
    body = b"[" + b",".join(message.body for message in structured) + b"]"
    return [HTTPMessage({"content-type": BATCHED}, body)]


def main() -> None:
    task = asked.read()
    errors: list[Any] = []
    for message in messages([event_of(call) for call in task.calls], task.options["mode"]):
        response = requests.post(
            f"{task.host}/v1/cloudevents",
            data=message.body,
            headers={**message.headers, "Authorization": f"Bearer {task.key}"},
            timeout=30,
        )
        try:
            response.raise_for_status()
        except requests.HTTPError as error:
            errors.append(error)
    asked.tell(errors)


main()
