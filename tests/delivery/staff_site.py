"""A site with an admin, whose pages staff look closer at, as its own urls."""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.template import engines
from django.urls import include, path
from django.views.decorators.cache import cache_page
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import etag

from personalization.shortcuts import track
from tests.delivery import pages

BODY = (
    "{% load personalization %}<!doctype html><html><head><title>x</title>"
    "{% personalization_tracker %}</head><body>"
    '{% personalized_block "hero" %}default'
    '{% variant "a" %}for a{% variant "b" %}for b{% endpersonalized_block %}'
    "{% in_segment 'a' as a %}{% if a %}|a is here{% endif %}</body></html>"
)


def page(request: HttpRequest) -> HttpResponse:
    source = request.GET.get("source", BODY)
    template = engines["django"].from_string("{% load personalization %}" + source)
    return HttpResponse(template.render({"broken": broken}, request))


def broken() -> str:
    raise RuntimeError("the shelf is empty")


def plain(request: HttpRequest) -> HttpResponse:
    return HttpResponse("<html><body>nothing of ours</body></html>")


def streamed(request: HttpRequest) -> StreamingHttpResponse:
    return StreamingHttpResponse(["<html><body>", "a stream", "</body></html>"])


def json(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"html": "</body>"})


def fragment(request: HttpRequest) -> HttpResponse:
    return HttpResponse("<p>a part of a page</p>")


def tracking(request: HttpRequest) -> HttpResponse:
    track("Product Added", request=request)
    return HttpResponse("kept")


@csrf_protect
def form(request: HttpRequest) -> HttpResponse:
    return HttpResponse(f"<html><body>{request.POST.get('q', '')}</body></html>")


urlpatterns = [
    path("admin/", admin.site.urls),
    path("page/", page),
    path("plain/", plain),
    path("plain-cached/", cache_page(60)(plain)),
    path("streamed/", streamed),
    path("json/", json),
    path("fragment/", fragment),
    path("form/", form),
    path("track/", tracking),
    path("gzip/", gzip_page(page)),
    path("etag/", etag(lambda request: '"1"')(page)),
    path("cached/<kind>", cache_page(60)(pages.rendered)),
    path("p/", include("personalization.urls")),
]
