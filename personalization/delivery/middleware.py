"""The outermost middleware owns `request.personalization` and the outgoing cache headers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from personalization.delivery.caching import (
    guard_page_caches,
    mark_private,
    set_visitor_header,
    vary_by_visitor,
    vary_for_clients,
)
from personalization.delivery.visitor import Visitor, visitor_of
from personalization.privacy.answers import set_visitor

GetResponse = Callable[[HttpRequest], "HttpResponseBase | Awaitable[HttpResponseBase]"]


class _Middleware:
    """Runs under WSGI and ASGI alike: `before` and `after` do no I/O."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response
        self.is_async = iscoroutinefunction(get_response)
        if self.is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        if self.is_async:
            return self._acall(request)
        self.before(request)
        response = self.get_response(request)
        assert isinstance(response, HttpResponseBase)
        return self.after(request, response)

    async def _acall(self, request: HttpRequest) -> HttpResponseBase:
        self.before(request)
        response = self.get_response(request)
        assert not isinstance(response, HttpResponseBase)
        return self.after(request, await response)

    def before(self, request: HttpRequest) -> None:
        return

    def after(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        raise NotImplementedError


class PersonalizationMiddleware(_Middleware):
    """First in MIDDLEWARE, so that it sees what every cache inside has made of a response."""

    def __init__(self, get_response: GetResponse) -> None:
        super().__init__(get_response)
        guard_page_caches()

    def before(self, request: HttpRequest) -> None:
        visitor = Visitor(request)
        request.personalization = visitor  # type: ignore[attr-defined]
        set_visitor_header(request, known=visitor.known)

    def after(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        visitor: Visitor = request.personalization  # type: ignore[attr-defined]
        if visitor.asked:
            vary_by_visitor(response)
        vary_for_clients(response)
        if visitor.switched:
            set_visitor(response, visitor.cookie_id)
        if visitor.used or visitor.switched:
            mark_private(response)
        visitor.sealed = True
        return response


class CacheKeyMiddleware(_Middleware):
    """Right inside Django's UpdateCacheMiddleware: lets it keep the version of a
    personalized page that all unknown visitors share.

    Other caches, which do not ask us, read there that a personal one is private.
    """

    def after(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        visitor = visitor_of(request)
        if visitor is None or not visitor.asked:
            return response
        if visitor.used:
            mark_private(response)
        else:
            vary_by_visitor(response)
            visitor.shareable = True
        return response
