"""Names for what a protocol leaves without: a visitor, and a message.

Plausible and Umami send no identifier, on purpose. Who visits a page with the cookie of
the site is known by it; for others a name is made that lasts for one day and that nobody
can lead back to an address without the site's secret key.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from django.utils.crypto import salted_hmac

from personalization.exceptions import EventRejected
from personalization.ingest.message import Message
from personalization.ingest.reading import text_of

_SALT = "personalization.ingest.nameless"
_LENGTH = 32


def visitor_of(message: Message, *, site: Any, address: Any = None, user_agent: Any = None) -> str:
    """Return a name for the visitor of one site on one UTC day.

    `address` and `user_agent` are for servers that state those of their visitor.
    """
    facts = [
        text_of(address) or address_of(message),
        text_of(user_agent) or message.headers.get("User-Agent", ""),
        text_of(site) or "",
        f"{message.received_at:%Y-%m-%d}",
    ]
    # As JSON: ASCII whatever was sent, and no two lists of facts look alike.
    return salted_hmac(_SALT, json.dumps(facts), algorithm="sha256").hexdigest()[:_LENGTH]


def address_of(message: Message) -> str:
    """Return the address of the visitor: the first in X-Forwarded-For, as these protocols
    document for servers that pass events on, else the sender's."""
    forwarded = message.headers.get("X-Forwarded-For", "").partition(",")[0].strip()
    return forwarded or message.address


def message_id_of(*parts: Any) -> str:
    """Return an id that is the same whenever the same `parts` come again.

    Only for events that carry their own time: two visits of the same page are two events.

    :raises EventRejected: when the parts are too deep to be written.
    """
    try:
        content = json.dumps(parts, sort_keys=True, separators=(",", ":"))
    except RecursionError:
        raise EventRejected("The event is nested too deeply.", code="too_deeply_nested") from None
    return hashlib.sha256(content.encode()).hexdigest()[:_LENGTH]
