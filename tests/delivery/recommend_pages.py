"""A shop of two kinds of pages: what is recommended, and a product."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.template import engines
from django.urls import include, path

from personalization.ml.models import Item

HEAD = (
    '{% load personalization %}<!doctype html><html lang="en"><head><title>Shop</title>'
    '{% personalization_tracker %}</head><body><nav><a href="/">Home</a> '
    '{% for one in all %}<a href="/product/{{ one }}/">{{ one }}</a> {% endfor %}</nav>'
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


def page(request: HttpRequest, body: str, **context: object) -> HttpResponse:
    """Return a page under links to all products."""
    said = {"all": Item.objects.values_list("key", flat=True), **context}
    return HttpResponse(engines["django"].from_string(HEAD + body).render(said, request))


def home(request: HttpRequest) -> HttpResponse:
    return page(request, LIST)


#: A page that caches may keep: its browser puts the visitor's own list in.
KEPT = (
    '{% load personalization %}<!doctype html><html lang="en"><head><title>Shop</title>'
    "{% personalization_tracker %}{% personalization_slots %}</head><body>"
    '{% recommend "kept" limit=4 mode="deferred" %}</body></html>'
)


def kept(request: HttpRequest) -> HttpResponse:
    return HttpResponse(engines["django"].from_string(KEPT).render({}, request))


def product(request: HttpRequest, key: str) -> HttpResponse:
    return page(request, PRODUCT, key=key)


urlpatterns = [
    path("", home),
    path("kept/", kept),
    path("product/<slug:key>/", product),
    path("p/", include("personalization.urls")),
    path("favicon.ico", lambda request: HttpResponse(status=204)),
]
