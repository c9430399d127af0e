"""What a slot shows in a request, whatever goes wrong behind it."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from django.conf import settings as django_settings
from django.http import HttpRequest

from personalization import metrics
from personalization.delivery.choose import Decision
from personalization.delivery.published import Candidate
from personalization.delivery.visitor import visitor_of
from personalization.exceptions import UnknownSegment


def decide(
    request: HttpRequest | None, slot: str, candidates: Sequence[Candidate]
) -> Decision | None:
    """Return the decision for `slot`; None, meaning the default, when it cannot be made.

    :raises UnknownSegment: in DEBUG, for a segment that no template should name.
    """
    visitor = visitor_of(request)
    if visitor is None:
        metrics.count("slots.without_request")
        return None
    if django_settings.DEBUG and visitor.published_segments is not None:
        _refuse_unknown(candidates, known=visitor.published_segments)
    return visitor.decide(slot, candidates)


def _refuse_unknown(candidates: Sequence[Candidate], *, known: Collection[str]) -> None:
    for slug in (slug for candidate in candidates for slug in candidate.segments):
        if slug not in known:
            allowed = ", ".join(sorted(known)) or "none yet"
            raise UnknownSegment(f"There is no active segment “{slug}”. Allowed: {allowed}.")
