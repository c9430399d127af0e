"""Have wagtail-cache read of a response what it must know before it keeps it."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from wagtailcache import cache

from personalization.delivery.middleware import tell_caches

_Update: Any = cache.UpdateCacheMiddleware
_keeps = _Update.process_response


def guard_wagtail_cache() -> None:
    """Put our word before its own, wherever it stands among the middleware or decorates a view.

    It has hooks, but they are told of the response and not of the request.
    """
    _Update.process_response = _process_response


def _process_response(middleware: Any, request: HttpRequest, response: Any) -> HttpResponse:
    tell_caches(request, response)
    kept: HttpResponse = _keeps(middleware, request, response)
    return kept
