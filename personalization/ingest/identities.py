"""Whose an event is: the identity it belongs to, and those it is joined with."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from personalization.exceptions import EventRejected
from personalization.ingest.bots import Agent
from personalization.profiles.identity import Key
from personalization.profiles.models import Identity

MAX_ID = 200
#: What broken clients send when they mean nobody (as PostHog and Segment Unify list them).
NOBODY = frozenset({
    "", "anonymous", "guest", "undefined", "null", "none", "nan", "true", "false",
    "[object object]", "not_authenticated", "distinct_id", "distinctid", "id", "email", "-1",
})  # fmt: skip
_ZEROS = re.compile(r"[0-]+")  # "00000000-0000-0000-0000-000000000000" is nobody either


@dataclass(frozen=True, kw_only=True)
class Sender:
    """Who sends: how far its claims go, and what the visitor's cookie proves.

    `agent` is what a browser says of itself; without one, no rule looks for bots.
    """

    trusted: bool
    visitor_id: str | None
    received_at: datetime
    sent_at: datetime | None = None
    agent: Agent | None = None


def identities_of(
    data: Mapping[str, Any], kind: str, sender: Sender
) -> tuple[Key, tuple[Key, ...]]:
    """Return the identity an event belongs to and those it is joined with.

    A browser proves nobody but the visitor of its cookie: a user id it names is
    kept apart, so that it can neither merge nor reveal a profile.

    :raises EventRejected: when the event names nobody.
    """
    user, anonymous = _id(data, "userId"), _id(data, "anonymousId")
    if sender.trusted:
        named = Key(Identity.USER, user) if user else None
        other = _id(data, "previousId") if kind == "alias" else anonymous
        unnamed = Key(Identity.ANONYMOUS, other) if other else None
        if named:
            return named, (unnamed,) if unnamed else ()
    else:
        anonymous = sender.visitor_id or anonymous
        unnamed = Key(Identity.ANONYMOUS, anonymous) if anonymous else None
        if unnamed is None and user:
            unnamed = Key(Identity.CLAIMED, user)
    if unnamed is None:
        raise EventRejected("userId or anonymousId is needed.", code="missing_ids")
    return unnamed, ()


def _id(data: Mapping[str, Any], name: str) -> str | None:
    value = data.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise EventRejected(f"/{name} is a text.", code="invalid_id", pointer=f"/{name}")
    text = str(value).strip()
    if len(text) > MAX_ID:
        raise EventRejected(
            f"/{name} has {len(text)} characters; {MAX_ID} are allowed.",
            code="invalid_id",
            pointer=f"/{name}",
        )
    if text.strip("\"'").lower() in NOBODY or _ZEROS.fullmatch(text):
        return None
    return text
