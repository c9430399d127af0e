"""The outermost middleware owns `request.personalization` and the outgoing cache headers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from asgiref.sync import iscoroutinefunction, markcoroutinefunction, sync_to_async
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from personalization.delivery import inspector
from personalization.delivery.caching import (
    KEY_META,
    guard_page_caches,
    mark_private,
    set_key_header,
    set_visitor_header,
    varies_by_key,
    vary_by_key,
    vary_by_visitor,
    vary_for_clients,
)
from personalization.delivery.edge import announce_versions
from personalization.delivery.fragment_caches import guard_fragment_caches
from personalization.delivery.lookup import page_key
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
        guard_fragment_caches()

        self.process_view = self._alook_closer if self.is_async else self._look_closer

    async def _acall(self, request: HttpRequest) -> HttpResponseBase:
        self.before(request)
        response = self.get_response(request)
        assert not isinstance(response, HttpResponseBase)
        answer, visitor = await response, _visitor(request)
        if visitor.ticket is None and not visitor.asks.keyed:
            return self.after(request, answer)
        # It asks who that is, or remembers what the page asked.
        return await sync_to_async(self.after)(request, answer)

    def _look_closer(
        self, request: HttpRequest, view: object, *arguments: object
    ) -> HttpResponse | None:
        """Ask whether staff look closer, once it is known who is logged in."""
        if _visitor(request).ticket is None:
            return None
        return inspector.look_closer(request, view)

    async def _alook_closer(
        self, request: HttpRequest, view: object, *arguments: object
    ) -> HttpResponse | None:
        if _visitor(request).ticket is None:
            return None
        return await sync_to_async(inspector.look_closer)(request, view)

    def before(self, request: HttpRequest) -> None:
        visitor = Visitor(request)
        request.personalization = visitor  # type: ignore[attr-defined]
        visitor.sent_key = request.META.get(KEY_META)
        set_visitor_header(request, known=visitor.known)
        set_key_header(request, lambda: page_key(visitor))
        if visitor.ticket is not None:
            inspector.keep_apart(request)

    def after(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        visitor = _visitor(request)
        if visitor.beside:
            vary_by_visitor(response)
        if visitor.asks or varies_by_key(response):
            announce_versions(visitor, response)
        vary_for_clients(response)
        if visitor.switched:
            set_visitor(response, visitor.cookie_id)
        if visitor.used or visitor.switched:
            mark_private(response)
        visitor.sealed = True
        if visitor.ticket is not None:
            inspector.show(request, response)
        return response


def _visitor(request: HttpRequest) -> Visitor:
    visitor: Visitor = request.personalization  # type: ignore[attr-defined]
    return visitor


class CacheKeyMiddleware(_Middleware):
    """Right inside Django's UpdateCacheMiddleware: lets it keep the version of a
    personalized page that all unknown visitors share.

    Other caches, which do not ask us, read there that a personal one is private, and that one
    with keyed slots is kept by its key.
    """

    def after(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        tell_caches(request, response)
        return response


def tell_caches(request: HttpRequest, response: HttpResponseBase) -> None:
    """Write on a response what a cache that does not ask us has to know of it."""
    visitor = visitor_of(request)
    if visitor is None or not visitor.asked:
        return
    if visitor.used or visitor.switched or visitor.ticket is not None:
        mark_private(response)
        return
    if visitor.asks:
        vary_by_key(response)
    if visitor.beside:
        vary_by_visitor(response)
        visitor.shareable = True
