"""What the address of a page says, in the terms of the Segment spec."""

from __future__ import annotations

from typing import Any
from urllib.parse import SplitResult, parse_qsl, urlsplit

from personalization.ingest.reading import text_of
from personalization.types import JsonObject

_CAMPAIGN = {
    "utm_source": "source", "utm_medium": "medium", "utm_campaign": "name",
    "utm_term": "term", "utm_content": "content",
}  # fmt: skip
_MOST_FIELDS = 100


def page_of(
    url: Any, *, title: Any = None, referrer: Any = None, hashed: bool = False
) -> JsonObject:
    """Return what is known of a page: its url, path, search, title and referrer.

    With `hashed`, the fragment belongs to the path, as in sites that route by it.
    """
    parts = _split(url)
    page = {
        "url": text_of(url),
        "path": _path(parts, hashed=hashed) if parts else None,
        "search": f"?{parts.query}" if parts and parts.query else None,
        "title": text_of(title),
        "referrer": text_of(referrer),
    }
    return {name: value for name, value in page.items() if value is not None}


def campaign_of(url: Any) -> JsonObject:
    """Return the campaign that the address of a page names, in `utm_` parameters."""
    parts = _split(url)
    try:
        stated = parse_qsl(parts.query, max_num_fields=_MOST_FIELDS) if parts else []
    except ValueError:  # more fields than an honest address has
        stated = []
    return {_CAMPAIGN[name]: value for name, value in stated if name in _CAMPAIGN}


def context_of(page: JsonObject, **more: Any) -> JsonObject:
    """Return the context of an event on `page`, with what else is known in `more`."""
    context = {"page": page, "campaign": campaign_of(page.get("url")), **more}
    return {name: value for name, value in context.items() if value not in (None, "", {})}


def _split(url: Any) -> SplitResult | None:
    text = text_of(url)
    try:
        return urlsplit(text) if text else None
    except ValueError:  # a port or an address that is none
        return None


def _path(parts: SplitResult, *, hashed: bool) -> str:
    path = parts.path or "/"
    return f"{path}#{parts.fragment}" if hashed and parts.fragment else path
