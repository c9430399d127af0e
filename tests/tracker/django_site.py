"""One page of a Django site, as its template author wrote it."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.template import engines
from django.urls import include, path

PAGE = """{% load personalization %}<!doctype html><html lang="en"><head><title>Shoes</title>
{% personalization_tracker %}</head><body><h1>Shoes</h1>
<div data-personalization-hover="Card">Hover me</div></body></html>"""


def page(request: HttpRequest) -> HttpResponse:
    return HttpResponse(engines["django"].from_string(PAGE).render({}, request))


urlpatterns = [path("", page), path("p/", include("personalization.urls"))]
