"""What PostHog's libraries wrap their events into."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qs

from personalization.exceptions import RequestRejected
from personalization.ingest.body import parse_json
from personalization.ingest.message import Message

_BASE64 = ("base64", "b64")
_FORM = b"data="
_MOST_FIELDS = 10
#: Events that say something about a person, and nothing else.
PERSONAL = ("$identify", "$set", "$set_once")
#: What tells whose an event is.
WHO = ("distinct_id", "$device_id", "$user_id", "$is_identified", "$process_person_profile")
#: Ends the id of what an event says of its person on the way.
SAID = ":set"


def data_of(message: Message) -> Any:
    """Return the JSON of a request: as it is, in base64, or either in a form.

    :raises RequestRejected: when there is none.
    """
    body, hint = message.body.strip(), message.query.get("compression", "")
    if _FORM in body[:200] and not body.startswith((b"{", b"[")):
        body, hint = _field(body, hint)
    if hint.startswith("lz"):
        raise RequestRejected(
            "The compression “lz64” is not taken. Allowed: gzip-js, base64, none.",
            code="unsupported_compression",
        )
    if hint in _BASE64 and not body.startswith((b"{", b"[")):
        body = _decoded(body)
    return parse_json(body)


def _field(body: bytes, hint: str) -> tuple[bytes, str]:
    """Return the field `data` of a form and how it is packed."""
    try:
        form = parse_qs(body.decode(), max_num_fields=_MOST_FIELDS)
    except ValueError as error:  # not UTF-8, or too many fields
        raise RequestRejected(f"The form cannot be read: {error}.", code="invalid_form") from None
    data = form.get("data", [""])[0]
    # A plus sign of base64 that was not encoded arrives as a space.
    packed = "" if data.lstrip().startswith(("{", "[")) else data.replace(" ", "+")
    return (packed or data).encode(), form.get("compression", [hint])[0]


def _decoded(body: bytes) -> bytes:
    try:
        return base64.b64decode(body, validate=True)
    except ValueError:
        raise RequestRejected("The body is no base64.", code="invalid_base64") from None


def events_of(data: Any) -> list[Any]:
    """Return the events of a request: of a batch, a list of them, or one.

    :raises RequestRejected: when there are none.
    """
    events = data.get("batch", [data]) if isinstance(data, Mapping) else data
    if not isinstance(events, list):
        raise RequestRejected("/batch is needed: a list of events.", code="missing_batch")
    return [part for event in events for part in _parts(event)]


def _parts(event: Any) -> Iterator[Any]:
    """Yield an event and, apart, what it says of its person on the way."""
    yield event
    if not isinstance(event, Mapping) or event.get("event") in PERSONAL:
        return
    properties = event.get("properties")
    said = event.get("$set") or (isinstance(properties, Mapping) and properties.get("$set"))
    if isinstance(said, Mapping):
        yield _said(event, said)


def _said(event: Mapping[str, Any], said: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the `$set` event that stands for what `event` says about its person."""
    properties = event.get("properties")
    who = properties if isinstance(properties, Mapping) else {}
    uuid = event.get("uuid")
    return {
        "event": "$set",
        "uuid": f"{uuid}{SAID}" if uuid else None,
        "distinct_id": event.get("distinct_id"),
        "timestamp": event.get("timestamp"),
        "properties": {name: who[name] for name in WHO if name in who},
        "$set": said,
    }
