"""What caches are told about a response."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponseBase
from django.utils.cache import patch_cache_control, patch_vary_headers

#: A request header no client sends: the middleware sets it on every request, so
#: that Django's cache can tell known visitors from the rest.
VISITOR_HEADER = "X-Personalization-Visitor"
META_KEY = "HTTP_X_PERSONALIZATION_VISITOR"
UNKNOWN, KNOWN = "unknown", "known"


def mark_private(response: HttpResponseBase) -> None:
    """Tell every cache that the response is for one visitor only."""
    if response.has_header("Expires"):
        del response["Expires"]
    for directive in ("max-age", "s-maxage", "public"):
        _drop_directive(response, directive)
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
    del response["Vary"]
    patch_vary_headers(response, (*kept, "Cookie"))


def set_visitor_header(request: HttpRequest, *, known: bool) -> None:
    """Overwrite whatever the client sent under our header."""
    request.META[META_KEY] = KNOWN if known else UNKNOWN


def _drop_directive(response: HttpResponseBase, name: str) -> None:
    directives = _listed(response.get("Cache-Control", ""))
    kept = [d for d in directives if d.split("=")[0].strip().lower() != name]
    response["Cache-Control"] = ", ".join(kept)


def _listed(header: str) -> list[str]:
    return [item for item in (part.strip() for part in header.split(",")) if item]
