"""Render a slot: a page never breaks, whatever goes wrong behind it."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from django.conf import settings as django_settings
from django.http import HttpRequest

from personalization import metrics
from personalization.delivery.choose import Decision
from personalization.delivery.published import Candidate, published_now
from personalization.delivery.visitor import Visitor
from personalization.exceptions import UnknownSegment

logger = logging.getLogger(__name__)


def visitor_of(request: HttpRequest | None) -> Visitor | None:
    """Return the visitor of a request that went through the middleware."""
    return getattr(request, "personalization", None)


def decide(
    request: HttpRequest | None, slot: str, candidates: Sequence[Candidate]
) -> Decision | None:
    """Return the decision for `slot`; None, meaning the default, when it cannot be made."""
    visitor = visitor_of(request)
    if visitor is None:
        metrics.count("slots.without_request")
        return None
    if django_settings.DEBUG:
        refuse_unknown_segments(candidates)
    try:
        return visitor.decide(slot, candidates)
    except Exception:  # the render of a slot: the default is better than a broken page
        metrics.count("slots.failed")
        logger.exception("Slot %s shows its default.", slot, extra={"action": "slot_failed"})
        return None


def refuse_unknown_segments(candidates: Sequence[Candidate]) -> None:
    """Raise for a segment no template should name; only in DEBUG, where it costs nobody."""
    known = published_now().segments
    for slug in (slug for candidate in candidates for slug in candidate.segments):
        if slug not in known:
            allowed = ", ".join(sorted(known)) or "none yet"
            raise UnknownSegment(f"There is no active segment “{slug}”. Allowed: {allowed}.")
