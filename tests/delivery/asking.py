"""Middleware of a site that asks for the visitor on the way in, before any cache."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBase

from personalization.shortcuts import in_segment


class AskingMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        request.theme = request.personalization.in_segment("a")  # type: ignore[attr-defined]
        return self.get_response(request)


class AskingAsSlotsMiddleware(AskingMiddleware):
    """Asks as slots do, which on a site with keyed slots makes nothing personal."""

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        request.theme = in_segment(request, "a")  # type: ignore[attr-defined]
        return self.get_response(request)
