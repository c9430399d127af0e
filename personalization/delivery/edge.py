"""What caches in front of the site may do with a page that has keyed slots.

Nothing, unless the site says that they send its key along (`PERSONALIZATION_EDGE`). Then a
response goes out for them to keep if the key that was sent with the request is the one that the
page turned out to have: whoever sends another one gets an answer that is kept for nobody.
"""

from __future__ import annotations

from http import HTTPStatus

from django.http import HttpRequest, HttpResponseBase
from django.utils.cache import patch_cache_control

from personalization.conf import settings
from personalization.delivery.caching import (
    directives_of,
    forget_age,
    mark_private,
    varies_by_key,
    vary_by_key,
)
from personalization.delivery.lookup import page_key, remember
from personalization.delivery.visitor import Visitor

_READING = ("GET", "HEAD")
_FORBIDDING = frozenset({"private", "no-store", "no-cache"})
#: What has a cache keep the answer to somebody who proved who they are (RFC 9111, 3.5): for
#: the page to say, not for us.
_ALLOWING = frozenset({"public", "s-maxage", "must-revalidate"})


def announce_versions(visitor: Visitor, response: HttpResponseBase) -> None:
    """Say what may be kept of a response with keyed slots, and learn and count what it shows.

    Browsers ask again each time, so that a changed segment shows at once.
    """
    if _is_read(visitor.request, response) and not visitor.used:
        if varies_by_key(response):
            for decision in visitor.asks.seen_from_cache():
                visitor.expose(decision)
        if _is_kept_somewhere(visitor) and visitor.known and not visitor.asks.from_cache:
            remember(visitor)
    age = _age_at_edge(visitor, response)
    if age is None:
        mark_private(response)
    else:
        forget_age(response)
        patch_cache_control(response, public=True, max_age=0, s_maxage=age)
    if settings.EDGE:
        vary_by_key(response)


def _is_kept_somewhere(visitor: Visitor) -> bool:
    """Return whether it is of use to know what the page asks."""
    return bool(visitor.asks) and (visitor.asks.asked_before is not None or settings.EDGE)


def _is_read(request: HttpRequest, response: HttpResponseBase) -> bool:
    seen = (HTTPStatus.OK, HTTPStatus.NOT_MODIFIED)
    return request.method in _READING and response.status_code in seen


def _age_at_edge(visitor: Visitor, response: HttpResponseBase) -> int | None:
    """Return for how many seconds caches in front may keep the response; None: not at all."""
    if not settings.EDGE or visitor.sent_key is None or not _is_read(visitor.request, response):
        return None
    if visitor.beside or visitor.switched or visitor.failures or response.cookies:
        return None
    stated = directives_of(response)
    if response.streaming or _FORBIDDING & stated.keys():
        return None
    if "HTTP_AUTHORIZATION" in visitor.request.META and not _ALLOWING & stated.keys():
        return None
    age = stated.get("s-maxage", stated.get("max-age", ""))
    if not (age.isdigit() and int(age)) or visitor.sent_key != page_key(visitor):
        return None
    return int(age)
