"""What one slot shows as a piece of HTML, for pages that fetch their parts by themselves."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from urllib.parse import urlsplit

from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from personalization.delivery.attempt import attempt
from personalization.delivery.choose import Decision
from personalization.delivery.decide import content_of, published_of
from personalization.delivery.decide_body import LONGEST, SLUG, Page
from personalization.delivery.listed import with_lists
from personalization.delivery.page_request import as_of_page
from personalization.delivery.published import NOTHING
from personalization.delivery.recommendations import list_of
from personalization.delivery.visitor import Visitor
from personalization.exceptions import NotThere


def fragment_of(request: HttpRequest, slug: str, *, now: datetime) -> str:
    """Return the HTML of the slot's variation for the visitor, or an empty string for its default.

    It counts as shown. A slot with a trigger waits for it, and so shows its default here.

    :raises NotThere: when there is no such slot.
    """
    visitor = Visitor(as_of_page(request, _page(request)), now=now)
    config = published_of(visitor) if SLUG.fullmatch(slug) else None
    if config is None or (config is not NOTHING and slug not in config.slots):
        raise NotThere(f"There is no slot “{slug[:60]}”.", code="unknown_slot")
    if not visitor.known:
        return ""
    decision = attempt(lambda: visitor.decision(slug), otherwise=None, what=f"Slot {slug}")
    if decision is None:
        return ""
    decision, _ = with_lists(decision, partial(list_of, visitor))
    visitor.expose(decision)
    return _html(decision)


def _page(request: HttpRequest) -> Page:
    """Return the page that asks, as htmx says it; else it is the one that refers to us."""
    try:
        asking = urlsplit(request.META.get("HTTP_HX_CURRENT_URL", "")[:LONGEST])
    except ValueError:  # no address at all
        return Page()
    return Page(path=asking.path, search=asking.query) if asking.path else Page()


def _html(decision: Decision) -> SafeString | str:
    content = content_of(decision.candidates)
    if content is None:
        return ""
    return format_html(
        '<div data-personalization-slot="{}" data-personalization-variation="{}"'
        ' data-personalization-decision="{}">{}</div>',
        decision.slot,
        decision.variation,
        decision.id,
        # Written by staff who may change what the site says, as flat pages are.
        mark_safe(content),  # noqa: S308
    )
