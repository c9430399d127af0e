"""Decisions as if they had been shown, and what is written of them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.test import RequestFactory
from django.utils import timezone

from personalization.delivery.choose import Decision
from personalization.delivery.exposures import View, expose
from personalization.delivery.published import Candidate
from personalization.events.buffers.memory import MemoryBuffer
from personalization.privacy.answers import answered
from personalization.profiles.visitor import new_visitor_id

AGREED = "1.analytics-personalization"
BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


def decision(*keys: str, slot: str = "hero", **fields: Any) -> Decision:
    """Return the decision that shows the candidates of these keys; without any, the default."""
    first, *more = [Candidate((), key) for key in keys] or [None]
    reason = "segment" if keys else "no_match"
    given = {"reason": reason, "more": tuple(more), **fields}
    return Decision(slot, first, **given)


def show(
    what: Decision,
    *,
    path: str = "/",
    method: str = "GET",
    consent: str = AGREED,
    visitor_id: str = "",
    at: datetime | None = None,
    **headers: str,
) -> None:
    """Show a decision as a page of the site would."""
    headers = {"user_agent": BROWSER, **headers}
    meta: dict[str, Any] = {f"HTTP_{name.upper()}": value for name, value in headers.items()}
    request = RequestFactory().generic(method, path, **meta)
    request.COOKIES["pz_consent"] = consent
    who = visitor_id or new_visitor_id()
    answer = answered(request.COOKIES, request.META)
    expose(what, View(request, who, answer, at or timezone.now()))


def written() -> list[Any]:
    """Return the arrivals that lie in the buffer of a test with `memory_buffer`."""
    batches = MemoryBuffer().claim(1000)
    return [event for batch in batches for event in batch.events]
