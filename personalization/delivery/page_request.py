"""The request of the page that slots are shown in, when another request asks about them."""

from __future__ import annotations

from copy import copy
from urllib.parse import urlsplit

from django.http import HttpRequest, QueryDict

from personalization.delivery.decide_body import LONGEST, Page

#: What only the browser of a visitor says truly. A server says its own.
_OF_BROWSER = ("HTTP_USER_AGENT", "HTTP_ACCEPT_LANGUAGE", "HTTP_SEC_CH_UA_MOBILE")


def as_of_page(request: HttpRequest, page: Page, *, trusted: bool = False) -> HttpRequest:
    """Return `request` as the one of the page: with its address, and where its visitor came from.

    Who is `trusted` speaks for the visitor's browser too; of any other, what it is shows.
    """
    path, search = _address(request, page)
    meta = {**request.META, "HTTP_REFERER": page.referrer or "", "QUERY_STRING": search}
    if trusted:
        for name in _OF_BROWSER:
            meta.pop(name, None)
        meta |= {"HTTP_USER_AGENT": page.userAgent or ""}
        meta |= {"HTTP_ACCEPT_LANGUAGE": page.language or ""}
    found = copy(request)
    found.__dict__.pop("headers", None)  # of what was asked; made anew from the new META
    found.META = meta
    found.method = "GET" if request.method == "POST" else request.method
    found.path = found.path_info = path
    found.GET = QueryDict(search)
    return found


def _address(request: HttpRequest, page: Page) -> tuple[str, str]:
    """Return path and query of the page: as it is said, or else of the page that asks."""
    if page.path is not None:
        return page.path, (page.search or "").removeprefix("?")
    try:
        asking = urlsplit(request.META.get("HTTP_REFERER", "")[:LONGEST])
    except ValueError:  # no address at all
        return "", ""
    return asking.path, asking.query
