"""Stored events as text that can be committed: what varies from run to run is named instead.

`GOLDEN=write` in the environment writes the files anew; read the difference before
it is committed.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from personalization.events.models import Event

FOLDER = Path(__file__).resolve().parent / "golden"
WRITE = os.environ.get("GOLDEN") == "write"

_UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_MILLISECONDS = r"(?<=-)\d{13}(?=-)"
#: Keys whose values tell of the machine, the interpreter or the browser.
OF_THE_MACHINE = {
    "$os", "$os_distro", "$os_version", "$python_runtime", "$python_version", "nodeVersion",
    "timezone", "userAgent", "userAgentData",
}  # fmt: skip
_HOST = re.compile(r"http://127\.0\.0\.1:\d+")


def check(
    name: str,
    events: Iterable[Event],
    *,
    stated: datetime | None = None,
    names: Mapping[str, str] | None = None,
) -> None:
    """Compare the events with the golden file of `name`.

    `stated` is the time that the calls gave; `names` says what to write for values that
    were made at random.
    """
    found = sorted(
        (_described(event, stated) for event in events), key=lambda e: (e["type"], e["name"])
    )
    for value, stand_in in (names or {}).items():
        found = json.loads(json.dumps(found).replace(value, stand_in))
    file = FOLDER / f"{name}.json"
    if WRITE:
        file.write_text(json.dumps(found, indent=2, ensure_ascii=False, sort_keys=True) + "\n")
    assert found == json.loads(file.read_text())


def _described(event: Event, stated: datetime | None) -> dict[str, Any]:
    return {
        "type": event.type,
        "name": event.name,
        "identity": f"{event.identity.namespace}:{event.identity.value}",
        "timestamp": _time(event, stated),
        "messageId": _shape(event.message_id),
        "properties": _lasting(event.properties),
        "context": _lasting(event.context),
    }


def _time(event: Event, stated: datetime | None) -> str:
    # The skew between the clocks, which are one here: the time the request was under way.
    if stated is not None and timedelta(0) <= event.timestamp - stated < timedelta(seconds=30):
        return "as stated"
    under_way = event.received_at - event.timestamp
    return "when sent" if timedelta(0) <= under_way < timedelta(seconds=30) else "wrong"


def _shape(message_id: str) -> str:
    return re.sub(_MILLISECONDS, "<milliseconds>", re.sub(_UUID, "<uuid>", message_id))


def _lasting(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: "…" if k in OF_THE_MACHINE else _lasting(v) for k, v in value.items()}
    return _HOST.sub("http://<host>", value) if isinstance(value, str) else value
