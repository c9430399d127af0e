"""Send calls with segment-analytics-python."""

from __future__ import annotations

from typing import Any

import asked
from segment.analytics import Client

# The spec's names → those of the client.
NAMES = {
    "userId": "user_id",
    "anonymousId": "anonymous_id",
    "previousId": "previous_id",
    "groupId": "group_id",
    "messageId": "message_id",
}


def main() -> None:
    task = asked.read()
    errors: list[Any] = []
    client = Client(
        task.key,
        host=task.host,
        gzip=task.gzip,
        on_error=lambda error, batch: errors.append(error),
        **task.options,
    )
    for call in task.calls:
        fields = {NAMES.get(name, name): value for name, value in call.items() if name != "type"}
        try:
            getattr(client, call["type"])(**fields)
        except RuntimeError as error:  # longer than the client itself allows
            errors.append(error)
    client.flush()
    client.join()
    asked.tell(errors)


main()
