"""Whether a page is asked for by a program: it sees what everybody sees, and counts for nobody."""

from __future__ import annotations

from django.http import HttpRequest

from personalization.conf import settings
from personalization.ingest.bots import verdict

_PROGRAMS = frozenset({"crawler", "library", "headless"})


def is_bot(request: HttpRequest) -> bool:
    """Return whether the site filters bots and the request names a program.

    One that names nothing may be a visitor who prefers to, or the test client of a site.
    """
    if not settings.FILTER_BOTS:
        return False
    return verdict(request.META.get("HTTP_USER_AGENT", "")) in _PROGRAMS
