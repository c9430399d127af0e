"""What an event that was set aside says, as a page can show it."""

from __future__ import annotations

import json
import re

from personalization.admin.personal_values import HIDDEN, told_values
from personalization.ingest.models import DeadLetter

#: Halves of surrogate pairs, which no page can hold.
_HALVES = re.compile("[\ud800-\udfff]")


def event_name(letter: DeadLetter) -> str:
    """Return what the event calls itself, as far as that can be read."""
    try:
        data = json.loads(letter.body)
    except (ValueError, RecursionError):
        return ""
    if not isinstance(data, dict):
        return ""
    stated = data.get("event") or data.get("name") or data.get("type")
    return pretty_text(str(stated)[:80]) if stated else ""


def pretty(body: str) -> str:
    """Return JSON text with a line for each value; what no page can hold stays escaped."""
    try:
        return pretty_text(json.dumps(json.loads(body), ensure_ascii=False, indent=2))
    except (ValueError, RecursionError):
        return body


def hidden(body: str) -> str:
    """Return the event with all its names and none of its values."""
    try:
        told = told_values(json.loads(body), seen=False)
    except (ValueError, RecursionError):
        return str(HIDDEN)
    return pretty_text(json.dumps(told, ensure_ascii=False, indent=2))


def pretty_text(text: str) -> str:
    return _HALVES.sub(lambda half: f"\\u{ord(half[0]):04x}", text.replace("\0", "\\u0000"))
