"""Addresses of the peer's site: a product's, and all others are pages of Wagtail."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.urls import include, path
from wagtail import urls as wagtail_urls


def product(request: HttpRequest, slug: str) -> HttpResponse:
    """Nobody follows the links of the page; they only have to lead somewhere."""
    return HttpResponse(slug)


urlpatterns = [
    path("product/<slug:slug>/", product, name="product"),
    path("", include(wagtail_urls)),
]
