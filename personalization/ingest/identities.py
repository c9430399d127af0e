"""Whose an event is: the identity it belongs to, and those it is joined with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from personalization.exceptions import EventRejected
from personalization.ingest.bots import Agent
from personalization.ingest.ids import MAX_ID, external_keys, read_id
from personalization.profiles.identity import Key
from personalization.profiles.links import identity_limits
from personalization.profiles.models import Identity
from personalization.profiles.visitor import ForeignToken, read_user_token
from personalization.types import Json

#: Where in the context of an event the page puts what the site signed for it.
SIGNED_USER = "userToken"


@dataclass(frozen=True, kw_only=True)
class Sender:
    """Who sends: how far its claims go, and what the visitor's cookie proves.

    `user_id` is the user that the site has signed for this visitor. `network` is what may
    be kept of its address, None for nothing; a server states that itself. `agent` is what a browser says of itself; without one, no rule looks for bots.
    """

    trusted: bool
    visitor_id: str | None
    received_at: datetime
    sent_at: datetime | None = None
    user_id: str | None = None
    network: Mapping[str, Json] | None = None
    agent: Agent | None = None
    #: A browser that objects (Sec-GPC, DNT), whose visitor has not agreed in spite of that.
    objected: bool = False


def identities_of(
    data: Mapping[str, Any], kind: str, sender: Sender
) -> tuple[Key, tuple[Key, ...]]:
    """Return the identity an event belongs to and those it is joined with.

    A browser proves nobody but the visitor of its cookie, and the user that the site has
    signed for this visitor. A user id it merely names is kept apart, so that it can
    neither merge nor reveal a profile.

    :raises EventRejected: when the event names nobody.
    """
    user, anonymous = read_id(data, "userId"), read_id(data, "anonymousId")
    if sender.trusted:
        previous = read_id(data, "previousId") if kind == "alias" else None
        keys = _trusted(user, (previous, anonymous), data)
    else:
        keys = _claimed(user, anonymous, sender, data)
    if not keys:
        raise EventRejected("userId or anonymousId is needed.", code="missing_ids")
    return keys[0], keys[1:]


def _trusted(
    user: str | None, anonymous: Iterable[str | None], data: Mapping[str, Any]
) -> tuple[Key, ...]:
    """Return all that are named, those that count most first."""
    keys = [Key(Identity.USER, user)] if user else []
    keys += [Key(Identity.ANONYMOUS, value) for value in anonymous if value]
    if further := list(external_keys(data)):
        limits = identity_limits()
        keys = sorted(dict.fromkeys(keys + further), key=lambda key: limits.rank(key)[:2])
    return tuple(keys)


def _claimed(
    user: str | None, anonymous: str | None, sender: Sender, data: Mapping[str, Any]
) -> tuple[Key, ...]:
    if sender.visitor_id is not None:
        visitor = Key(Identity.ANONYMOUS, sender.visitor_id)
        signed = sender.user_id or _signed_user(data, visitor_id=sender.visitor_id)
        if signed and len(signed) <= MAX_ID:  # a longer one no table keeps
            return (Key(Identity.USER, signed), visitor)
        return (visitor,)
    if anonymous:
        return (Key(Identity.ANONYMOUS, anonymous),)
    return (Key(Identity.CLAIMED, user),) if user else ()


def _signed_user(data: Mapping[str, Any], *, visitor_id: str) -> str | None:
    """What a page kept until the device changed hands is of nobody who is here now."""
    context = data.get("context")
    token = context.get(SIGNED_USER) if isinstance(context, Mapping) else None
    if token is None:
        return None
    try:
        return read_user_token(token, visitor_id=visitor_id)
    except ForeignToken:
        pointer = f"/context/{SIGNED_USER}"
        raise EventRejected(
            f"{pointer} was not signed for this visitor.", code="another_visitor", pointer=pointer
        ) from None
