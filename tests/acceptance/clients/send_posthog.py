"""Send calls with posthog: what the Segment spec calls by a type, PostHog names with a dollar."""

from __future__ import annotations

from typing import Any

import asked
from posthog import Posthog

EVENTS = {"page": "$pageview", "screen": "$screen"}


def send(client: Posthog, call: dict[str, Any]) -> None:
    who = call.get("userId") or call["anonymousId"]
    common = {"timestamp": call.get("timestamp"), "uuid": call.get("messageId")}
    match call["type"]:
        case "identify":
            client.set(distinct_id=who, properties=call["traits"], **common)
        case "group":
            client.group_identify(
                "company", call["groupId"], call["traits"], distinct_id=who, **common
            )
        case "alias":
            client.alias(call["previousId"], who, **common)
        case kind:
            name = EVENTS.get(kind) or call["event"]
            client.capture(name, distinct_id=who, properties=call.get("properties"), **common)


def main() -> None:
    task = asked.read()
    errors: list[Any] = []
    client = Posthog(
        task.key,
        host=task.host,
        gzip=task.gzip,
        on_error=lambda error, batch: errors.append(error),
        **task.options,
    )
    for call in task.calls:
        send(client, call)
    client.shutdown()
    asked.tell(errors)


main()
