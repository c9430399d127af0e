"""What is not kept of a call that is set aside: keys, addresses, proofs of who sends.

Kept is what they prove, so that a replay knows as much when a proof has long expired.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from personalization.ingest.calls import PRIVATE
from personalization.ingest.identities import Sender
from personalization.ingest.network import stated_network
from personalization.profiles.identity import Key
from personalization.profiles.models import Identity

#: What belongs to a request and may stand at the top of its only event: the keys and clocks
#: of all protocols, and the address that RudderStack's servers note.
OF_REQUEST: Final = frozenset({
    "writeKey", "write_key", "apiKey", "api_key", "api_secret", "token", "secret",
    "sentAt", "sent_at", "batch", "ip", "request_ip",
})  # fmt: skip


def redacted(call: Mapping[str, Any]) -> dict[str, Any]:
    """Return the call without what no event is made of and nobody may read later."""
    kept = {name: value for name, value in call.items() if name not in OF_REQUEST}
    context = kept.get("context")
    if isinstance(context, Mapping):
        kept["context"] = {name: value for name, value in context.items() if name not in PRIVATE}
    return kept


def proved(sender: Sender, call: Mapping[str, Any], *, owner: Key) -> Sender:
    """Return the sender with what `redacted` takes from the call, as far as it is used.

    `owner` is whose the call is. A browser's is a user only if the site has signed that.
    """
    if sender.trusted:
        context = call.get("context")
        if sender.network is None or not isinstance(context, Mapping):
            return sender
        return replace(sender, network={**sender.network, **stated_network(context)})
    if sender.visitor_id is not None and owner.namespace == Identity.USER:
        return replace(sender, user_id=owner.value)
    return sender
