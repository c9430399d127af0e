"""What a sender is asked to send, and how it says what its client reported.

The calls have the shape of the Segment spec, with `timestamp` as ISO text. A sender
hands each to its client as a site would, and adds nothing.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Where to send the calls, with which key, and what to tell the client besides."""

    host: str
    key: str
    calls: list[dict[str, Any]]
    gzip: bool = False
    options: dict[str, Any]


def read() -> Asked:
    asked = Asked(**json.load(sys.stdin))
    for call in asked.calls:
        if "timestamp" in call:
            call["timestamp"] = datetime.fromisoformat(call["timestamp"])
    return asked


def tell(errors: list[Any]) -> None:
    """Print the errors that the client reported."""
    json.dump([f"{type(error).__name__}: {error}" for error in errors], sys.stdout)
