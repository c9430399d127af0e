"""What is not kept of a call that is set aside: keys, addresses, proofs of who sends.

Kept is what they prove, so that a replay knows as much when a proof has long expired.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from personalization.ingest.calls import PRIVATE
from personalization.ingest.identities import Sender
from personalization.ingest.minimise import ADDRESSES, kept_context
from personalization.ingest.network import stated_network
from personalization.ingest.reduce import judged_agent
from personalization.profiles.identity import Key
from personalization.profiles.models import Identity

#: What belongs to a request and may stand at the top of its only event: the keys and clocks
#: of all protocols, and the addresses that servers note.
OF_REQUEST: Final = ADDRESSES | {
    "writeKey", "write_key", "apiKey", "api_key", "api_secret", "token", "secret",
    "sentAt", "sent_at", "batch",
}  # fmt: skip


def redacted(call: Mapping[str, Any]) -> dict[str, Any]:
    """Return the call without what no event is made of and nobody may read later."""
    kept = {name: value for name, value in call.items() if name not in OF_REQUEST}
    context = kept.get("context")
    if isinstance(context, Mapping):
        kept["context"] = kept_context(context, but=PRIVATE)
    return kept


def proved(sender: Sender, call: Mapping[str, Any], *, owner: Key) -> Sender:
    """Return the sender with what `redacted` takes from the call, as far as it is used.

    `owner` is whose the call is. A browser's is a user only if the site has signed that.
    """
    if sender.agent is not None:  # by which it is judged again, no more exactly than is kept
        agent = replace(sender.agent, user_agent=judged_agent(sender.agent.user_agent))
        sender = replace(sender, agent=agent)
    if sender.trusted:
        context = call.get("context")
        if sender.network is None or not isinstance(context, Mapping):
            return sender
        return replace(sender, network={**sender.network, **stated_network(context)})
    if sender.visitor_id is not None and owner.namespace == Identity.USER:
        return replace(sender, user_id=owner.value)
    return sender
