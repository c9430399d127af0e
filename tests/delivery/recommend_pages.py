"""A shop of two kinds of pages: what is recommended, and a product."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.template import engines
from django.urls import include, path

HEAD = (
    '{% load personalization %}<!doctype html><html lang="en"><head><title>Shop</title>'
    "{% personalization_tracker %}</head><body>"
)
LIST = (
    '{% recommend "home" limit=4 as items %}<ul>'
    '{% for one in items %}<li><a href="/product/{{ one.item.key }}/">{{ one.item.key }}</a></li>'
    "{% endfor %}</ul></body></html>"
)
#: A product tells of itself as the template of a shop has it do.
PRODUCT = (
    '<article data-personalization-view="Product Viewed" '
    """data-personalization-properties='{"product_id": "{{ key }}"}'>"""
    "<h1>{{ key }}</h1></article></body></html>"
)


def home(request: HttpRequest) -> HttpResponse:
    return HttpResponse(engines["django"].from_string(HEAD + LIST).render({}, request))


#: A page that caches may keep: its browser puts the visitor's own list in.
KEPT = (
    '{% load personalization %}<!doctype html><html lang="en"><head><title>Shop</title>'
    "{% personalization_tracker %}{% personalization_slots %}</head><body>"
    '{% recommend "kept" limit=4 mode="deferred" %}</body></html>'
)


def kept(request: HttpRequest) -> HttpResponse:
    return HttpResponse(engines["django"].from_string(KEPT).render({}, request))


def product(request: HttpRequest, key: str) -> HttpResponse:
    page = engines["django"].from_string(HEAD + PRODUCT)
    return HttpResponse(page.render({"key": key}, request))


urlpatterns = [
    path("", home),
    path("kept/", kept),
    path("product/<slug:key>/", product),
    path("p/", include("personalization.urls")),
    path("favicon.ico", lambda request: HttpResponse(status=204)),
]
