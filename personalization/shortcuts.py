"""The public verbs: what the code of a site calls."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest
from django.utils import timezone

from personalization.delivery.choose import Decision
from personalization.delivery.published import Candidate
from personalization.delivery.render import decide
from personalization.events.models import Source
from personalization.ingest.accept import keep
from personalization.ingest.calls import read_event
from personalization.ingest.identities import Sender

SERVER_SOURCE = "django"


def track(
    event: str,
    *,
    user_id: str | None = None,
    anonymous_id: str | None = None,
    properties: Mapping[str, Any] | None = None,
) -> None:
    """Record that a visitor did something, durably with the current transaction.

    :raises EventRejected: naming what is wrong with the event.
    """
    _keep({"type": "track", "event": event, "properties": properties}, user_id, anonymous_id)


def identify(
    *, user_id: str, anonymous_id: str | None = None, traits: Mapping[str, Any] | None = None
) -> None:
    """State traits of a user; with `anonymous_id`, also that this visitor is that user.

    :raises EventRejected: naming what is wrong with the event.
    """
    _keep({"type": "identify", "traits": traits}, user_id, anonymous_id)


def in_segment(request: HttpRequest, slug: str) -> bool:
    """Return whether the visitor of `request` is in the segment now."""
    decision = choose(request, f"in_segment:{slug}", segments=[slug])
    return decision is not None and decision.candidate is not None


def choose(
    request: HttpRequest, slot: str, *, segments: list[str] | None = None
) -> Decision | None:
    """Return the decision for `slot`: its variations from the admin, then `segments` in order.

    None means the default, because no decision could be made.
    """
    return decide(request, slot, [Candidate((slug,), slug) for slug in segments or []])


def _keep(call: Mapping[str, Any], user_id: str | None, anonymous_id: str | None) -> None:
    source, _ = Source.objects.get_or_create(
        slug=SERVER_SOURCE, defaults={"name": "This site", "kind": Source.Kind.SERVER}
    )
    sender = Sender(trusted=True, visitor_id=None, received_at=timezone.now())
    arrival = read_event({**call, "userId": user_id, "anonymousId": anonymous_id}, sender=sender)
    keep([arrival], source=source, sender=sender)
