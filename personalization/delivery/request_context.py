"""What a request says of its visitor, in the words of the `context` conditions of rules."""

from __future__ import annotations

import re

from django.http import HttpRequest
from django.utils.translation.trans_real import parse_accept_lang_header

from personalization.types import Json, JsonObject

_CAMPAIGN = ("source", "medium", "campaign", "term", "content")
_TABLET = re.compile(r"iPad|Tablet|Kindle|Silk/|PlayBook|Android(?!.*Mobi)")
_LONGEST = 2000


def request_context(request: HttpRequest) -> JsonObject:
    """Return device, referrer, utm, path and language; what the request does not say is left
    out. The hour and the day of the week follow from the instant and not from the request."""
    found: dict[str, Json] = {
        "device": _device(request),
        "referrer": request.META.get("HTTP_REFERER", "")[:_LONGEST] or None,
        "path": request.path,
        "language": _language(request),
        "utm": {
            name: value[:_LONGEST]
            for name in _CAMPAIGN
            if (value := request.GET.get(f"utm_{name}", ""))
        },
    }
    return {name: value for name, value in found.items() if value is not None}


def _device(request: HttpRequest) -> str | None:
    agent = request.META.get("HTTP_USER_AGENT", "")[:_LONGEST]
    if _TABLET.search(agent):
        return "tablet"
    if "Mobi" in agent or request.META.get("HTTP_SEC_CH_UA_MOBILE") == "?1":
        return "mobile"
    return "desktop" if agent else None


def _language(request: HttpRequest) -> str | None:
    """Return the primary tag of the language that the visitor likes best."""
    for language, quality in parse_accept_lang_header(request.META.get("HTTP_ACCEPT_LANGUAGE", "")):
        if language != "*" and quality > 0:
            return str(language).partition("-")[0]
    return None
