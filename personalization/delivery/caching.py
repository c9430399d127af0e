"""What caches are told about a response, and which responses Django's own may keep."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponseBase
from django.middleware.cache import FetchFromCacheMiddleware, UpdateCacheMiddleware
from django.utils.cache import has_vary_header, patch_cache_control, patch_vary_headers

from personalization.conf import settings
from personalization.delivery.page_key import HeaderValue
from personalization.delivery.visitor import visitor_of

#: A request header no client sends: the middleware sets it on every request, so
#: that Django's cache can tell known visitors from the rest.
VISITOR_HEADER = "X-Personalization-Visitor"
META_KEY = "HTTP_X_PERSONALIZATION_VISITOR"
UNKNOWN, KNOWN = "unknown", "known"

#: The header by which caches tell the versions of a page with keyed slots apart: set on
#: every request, whatever a client sent. Name it wherever a cache asks what a page varies on.
KEY_HEADER = "X-Personalization-Key"
KEY_META = "HTTP_X_PERSONALIZATION_KEY"

#: Directives of Cache-Control that let somebody keep a response or use it unasked.
_KEEPING = frozenset(
    {"public", "max-age", "s-maxage", "immutable", "stale-while-revalidate", "stale-if-error"}
)
#: Headers that caches put above Cache-Control: nginx, Fastly and Akamai have names of
#: their own, and RFC 9213 calls any other one `<cache>-Cache-Control`.
_OVERRIDING = frozenset({"expires", "surrogate-control", "x-accel-expires", "edge-control"})


def mark_private(response: HttpResponseBase) -> None:
    """Tell every cache that the response is for one visitor only."""
    forget_age(response)
    patch_cache_control(response, private=True, no_cache=True)


def forget_age(response: HttpResponseBase) -> None:
    """Take back all that lets somebody keep a response or use it unasked."""
    for name, _ in list(response.items()):
        if name.lower() in _OVERRIDING or name.lower().endswith("-cache-control"):
            del response[name]
    directives = _listed(response.get("Cache-Control", ""))
    kept = [d for d in directives if d.partition("=")[0].strip().lower() not in _KEEPING]
    response["Cache-Control"] = ", ".join(kept)


def directives_of(response: HttpResponseBase) -> dict[str, str]:
    """Return the directives of Cache-Control, in lower case, with their values."""
    pairs = (item.lower().partition("=") for item in _listed(response.get("Cache-Control", "")))
    return {name.strip(): value.strip() for name, _, value in pairs}


def vary_by_visitor(response: HttpResponseBase) -> None:
    """Inside Django's cache: keep one version for unknown visitors, apart from the rest."""
    patch_vary_headers(response, (VISITOR_HEADER,))


def vary_by_key(response: HttpResponseBase) -> None:
    """Inside, and where the site says that caches outside know keys: one version for each key."""
    patch_vary_headers(response, (KEY_HEADER,))


def varies_by_key(response: HttpResponseBase) -> bool:
    """Return whether keyed slots are in the response, also in one that a cache kept."""
    return bool(has_vary_header(response, KEY_HEADER))


def vary_for_clients(response: HttpResponseBase) -> None:
    """Outside: say what the response really depends on, the cookie.

    One with keyed slots is private, if it does not say that it varies by its key.
    """
    names = _listed(response.get("Vary", ""))
    ours = {VISITOR_HEADER.lower()} | (set() if settings.EDGE else {KEY_HEADER.lower()})
    kept = [name for name in names if name.lower() not in ours]
    if len(kept) == len(names):
        return
    by_visitor = any(name.lower() == VISITOR_HEADER.lower() for name in names)
    if by_visitor and not any(name.lower() == "cookie" for name in kept):
        kept.append("Cookie")
    if kept:
        response["Vary"] = ", ".join(kept)
    else:
        del response["Vary"]


def set_visitor_header(request: HttpRequest, *, known: bool) -> None:
    """Overwrite whatever the client sent under our header."""
    request.META[META_KEY] = KNOWN if known else UNKNOWN


def set_key_header(request: HttpRequest, key: Callable[[], str]) -> None:
    """Overwrite whatever was sent as the key by one that is worked out when a cache looks."""
    request.META[KEY_META] = HeaderValue(key)


def guard_page_caches() -> None:
    """Have Django's page caches ask us before they keep a response, or answer with one.

    There is no public hook for it, and nothing else is certain: a flag on the request
    is set back by every `cache_page` on the way to the view, and one on a method of a
    REST framework view looks for it on another object. All of them ask this method.
    """
    _UpdateCache._should_update_cache = _should_update_cache
    _FetchFromCache.process_request = _fetch_from_cache


_UpdateCache: Any = UpdateCacheMiddleware  # what we replace is not in its type stubs
_django_would = _UpdateCache._should_update_cache
_FetchFromCache: Any = FetchFromCacheMiddleware
_django_fetches = _FetchFromCache.process_request


def _should_update_cache(
    cache: UpdateCacheMiddleware, request: HttpRequest, response: HttpResponseBase
) -> bool:
    visitor = visitor_of(request)
    if visitor is not None and visitor.ticket is not None:
        return False  # staff look closer at the page, or at what others see
    if visitor is not None and visitor.switched:
        return False  # our headers of the request are those of another visitor
    if visitor is not None and (visitor.used or (visitor.beside and not visitor.shareable)):
        return False
    if visitor is not None and visitor.asks:
        if visitor.failures:
            return False  # whoever gets the same answers is to see more than what is left
        vary_by_key(response)
    return bool(_django_would(cache, request, response))


def _fetch_from_cache(
    cache: FetchFromCacheMiddleware, request: HttpRequest
) -> HttpResponseBase | None:
    visitor = visitor_of(request)
    if visitor is not None and visitor.ticket is not None:
        return None
    found: HttpResponseBase | None = _django_fetches(cache, request)
    return found


def _listed(header: str) -> list[str]:
    return [item for item in (part.strip() for part in header.split(",")) if item]
