"""A strict content security policy: nothing but the site's own files, nothing inline."""

from __future__ import annotations

import secrets
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.utils.functional import SimpleLazyObject, empty

POLICY = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'self'; "
    "form-action 'self'; frame-ancestors 'none'"
)


class ContentSecurityPolicyMiddleware:
    """Offers `request.csp_nonce` and names it in the header only where a page used it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        nonce = SimpleLazyObject(lambda: secrets.token_urlsafe(16))
        request.csp_nonce = nonce  # type: ignore[attr-defined]
        response = self.get_response(request)
        response.headers.setdefault("Content-Security-Policy", policy(nonce))
        return response


def policy(nonce: SimpleLazyObject[str]) -> str:
    """Return the header's value for a page that did or did not look at `nonce`."""
    if nonce._wrapped is empty:
        return POLICY
    return f"{POLICY}; script-src 'self' 'nonce-{nonce}'"
