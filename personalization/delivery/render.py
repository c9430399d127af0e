"""What a slot shows in a request, whatever goes wrong behind it."""

from __future__ import annotations

from collections.abc import Sequence

from django.conf import settings as django_settings
from django.http import HttpRequest

from personalization import metrics
from personalization.conf import settings
from personalization.delivery.choose import Decision
from personalization.delivery.published import Candidate
from personalization.delivery.visitor import visitor_of
from personalization.exceptions import UnknownSegment

KEYED, DEFERRED = "keyed", "deferred"
#: How a slot may be delivered: with the page for one visitor; with a page that caches keep
#: once for each version; after a page that is the same for everybody.
MODES = ("inline", KEYED, DEFERRED)


def decide(
    request: HttpRequest | None, slot: str, candidates: Sequence[Candidate], *, mode: str = ""
) -> Decision | None:
    """Return the decision for `slot`; None, meaning the default, when it cannot be made.

    `mode` says how it is delivered; without one, as everywhere on the site.

    :raises UnknownSegment: in DEBUG, for a segment that no template should name.
    """
    visitor = visitor_of(request)
    if visitor is None:
        metrics.count("slots.without_request")
        return None
    refuse_unknown(request, candidates)
    return visitor.decide(slot, candidates, keyed=(mode or visitor.usual_mode) == KEYED)


def usual_mode(request: HttpRequest | None) -> str:
    """Return how slots are delivered on this site, read once for a page."""
    visitor = visitor_of(request)
    return settings.DELIVERY if visitor is None else visitor.usual_mode


def refuse_unknown(request: HttpRequest | None, candidates: Sequence[Candidate]) -> None:
    """Have a developer hear of a segment that no template should name, as soon as it does.

    :raises UnknownSegment: in DEBUG.
    """
    visitor = visitor_of(request) if django_settings.DEBUG else None
    known = None if visitor is None else visitor.published_segments
    if known is None:
        return
    for slug in (slug for candidate in candidates for slug in candidate.segments):
        if slug not in known:
            allowed = ", ".join(sorted(known)) or "none yet"
            raise UnknownSegment(f"There is no active segment “{slug}”. Allowed: {allowed}.")


def note_failure(request: HttpRequest | None, slot: str, error: Exception) -> None:
    """Keep what failed behind a slot, for staff who look into the page."""
    if (visitor := visitor_of(request)) is not None:
        visitor.failures[slot] = f"{type(error).__name__}: {error}"
