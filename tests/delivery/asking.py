"""A middleware of a site that asks for the visitor on the way in, before any cache."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBase


class AskingMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        request.theme = request.personalization.in_segment("a")  # type: ignore[attr-defined]
        return self.get_response(request)
