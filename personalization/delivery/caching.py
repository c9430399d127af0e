"""What caches are told about a response, and which responses Django's own may keep."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponseBase
from django.middleware.cache import UpdateCacheMiddleware
from django.utils.cache import patch_cache_control, patch_vary_headers

from personalization.delivery.visitor import visitor_of

#: A request header no client sends: the middleware sets it on every request, so
#: that Django's cache can tell known visitors from the rest.
VISITOR_HEADER = "X-Personalization-Visitor"
META_KEY = "HTTP_X_PERSONALIZATION_VISITOR"
UNKNOWN, KNOWN = "unknown", "known"

#: Directives of Cache-Control that let somebody keep a response or use it unasked.
_KEEPING = frozenset(
    {"public", "max-age", "s-maxage", "immutable", "stale-while-revalidate", "stale-if-error"}
)
#: Headers that caches put above Cache-Control: nginx, Fastly and Akamai have names of
#: their own, and RFC 9213 calls any other one `<cache>-Cache-Control`.
_OVERRIDING = frozenset({"expires", "surrogate-control", "x-accel-expires", "edge-control"})


def mark_private(response: HttpResponseBase) -> None:
    """Tell every cache that the response is for one visitor only."""
    for name, _ in list(response.items()):
        if name.lower() in _OVERRIDING or name.lower().endswith("-cache-control"):
            del response[name]
    directives = _listed(response.get("Cache-Control", ""))
    kept = [d for d in directives if d.partition("=")[0].strip().lower() not in _KEEPING]
    response["Cache-Control"] = ", ".join(kept)
    patch_cache_control(response, private=True, no_cache=True)


def vary_by_visitor(response: HttpResponseBase) -> None:
    """Inside Django's cache: keep one version for unknown visitors, apart from the rest."""
    patch_vary_headers(response, (VISITOR_HEADER,))


def vary_for_clients(response: HttpResponseBase) -> None:
    """Outside: say what the response really depends on, the cookie."""
    names = _listed(response.get("Vary", ""))
    kept = [name for name in names if name.lower() != VISITOR_HEADER.lower()]
    if len(kept) == len(names):
        return
    if not any(name.lower() == "cookie" for name in kept):
        kept.append("Cookie")
    response["Vary"] = ", ".join(kept)


def set_visitor_header(request: HttpRequest, *, known: bool) -> None:
    """Overwrite whatever the client sent under our header."""
    request.META[META_KEY] = KNOWN if known else UNKNOWN


def guard_page_caches() -> None:
    """Have Django's page caches ask us before they keep a response.

    There is no public hook for it, and nothing else is certain: a flag on the request
    is set back by every `cache_page` on the way to the view, and one on a method of a
    REST framework view looks for it on another object. All of them ask this method.
    """
    _UpdateCache._should_update_cache = _should_update_cache


_UpdateCache: Any = UpdateCacheMiddleware  # what we replace is not in its type stubs
_django_would = _UpdateCache._should_update_cache


def _should_update_cache(
    cache: UpdateCacheMiddleware, request: HttpRequest, response: HttpResponseBase
) -> bool:
    visitor = visitor_of(request)
    if visitor is not None and visitor.asked and not visitor.shareable:
        return False
    return bool(_django_would(cache, request, response))


def _listed(header: str) -> list[str]:
    return [item for item in (part.strip() for part in header.split(",")) if item]
