"""A site with every kind of page that a cache may keep, as its own urls.

Each page says for whom it was made, and ends with a serial number: two answers with
the same one were rendered once.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from functools import cache
from itertools import count
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.template import engines
from django.template.response import TemplateResponse
from django.urls import include, path
from django.utils.decorators import method_decorator
from django.views.decorators.cache import cache_control, cache_page
from django.views.decorators.vary import vary_on_cookie, vary_on_headers
from django.views.generic import TemplateView
from rest_framework.renderers import StaticHTMLRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from personalization.shortcuts import in_segment

BLOCK = (
    '{% personalized_block "hero" %}everybody'
    '{% variant "a" %}a{% variant "b" %}b{% endpersonalized_block %}'
)
KEYED = BLOCK.replace('"hero"', '"hero" keyed')
STRIP = '{% personalized_block "strip" keyed %}everybody{% endpersonalized_block %}'
SOURCES = {
    "plain": "everybody",
    "keyed": KEYED,
    # A slot within what another one shows, and one that only some pages get to.
    "nested": (
        '{% personalized_block "hero" keyed %}everybody{% variant "a" %}a,'
        '{% personalized_block "inner" keyed %}-{% variant "b" %}b{% endpersonalized_block %}'
        '{% variant "b" %}b{% endpersonalized_block %}'
    ),
    "admin": STRIP,
    "two": STRIP + ", " + KEYED,
    # What is keyed beside what is for one visitor.
    "mixed": KEYED + ", {{ request.personalization.visitor_id|default:'everybody' }}",
    "beside": STRIP + ", " + BLOCK.replace('"hero"', '"hero" inline'),
    "slot": BLOCK,
    "flag": (
        '{% in_segment "a" as a %}{% in_segment "b" as b %}'
        "{% if a %}a{% elif b %}b{% else %}everybody{% endif %}"
    ),
    "asked": (
        "{% if 'a' in request.personalization.segments %}a"
        "{% elif 'b' in request.personalization.segments %}b{% else %}everybody{% endif %}"
    ),
    "id": "{{ request.personalization.visitor_id|default:'everybody' }}",
}
serials = count(1)

View = Callable[..., HttpResponseBase]


@cache
def template(kind: str) -> Any:
    source = "{% load personalization %}" + SOURCES[kind] + " {{ serial }}"
    return engines["django"].from_string(source)


def text(request: HttpRequest | Request, kind: str) -> str:
    return str(template(kind).render({"serial": next(serials)}, request))


def rendered(request: HttpRequest, kind: str) -> HttpResponse:
    return HttpResponse(text(request, kind))


def late(request: HttpRequest, kind: str) -> TemplateResponse:
    """Rendered only after the view, and after the decorators around it."""
    return TemplateResponse(request, template(kind), {"serial": next(serials)})


def streamed(request: HttpRequest, kind: str) -> StreamingHttpResponse:
    """Rendered only after the headers are out."""

    def parts() -> Iterator[str]:
        yield text(request, kind)

    return StreamingHttpResponse(parts())


def asked_and_streamed(request: HttpRequest, kind: str) -> StreamingHttpResponse:
    request.personalization.in_segment("a")  # type: ignore[attr-defined]
    return streamed(request, kind)


def missing(request: HttpRequest, kind: str) -> HttpResponse:
    raise Http404(kind)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return HttpResponse(text(request, "slot"), status=404)


def dispatched(request: HttpRequest, kind: str) -> HttpResponse:
    """Ask first, then hand over to views that are cached under this very address."""
    visitor = request.personalization  # type: ignore[attr-defined]
    return for_a(request) if visitor.in_segment("a") else for_others(request)


@cache_page(60)
def for_a(request: HttpRequest) -> HttpResponse:
    return HttpResponse(f"a {next(serials)}")


@cache_page(60)
def for_others(request: HttpRequest) -> HttpResponse:
    return HttpResponse(text(request, "slot"))


class Api(APIView):
    """Cached as the documentation of REST framework shows it: on the method."""

    authentication_classes = ()
    permission_classes = ()
    renderer_classes = (StaticHTMLRenderer,)

    @method_decorator(cache_page(60))
    def get(self, request: Request, kind: str) -> Response:
        return Response(text(request, kind))


class PlainApi(Api):
    """The same, and the answer is one of Django."""

    @method_decorator(cache_page(60))
    @method_decorator(vary_on_headers("Accept"))
    def get(self, request: Request, kind: str) -> HttpResponse:  # type: ignore[override]
        return HttpResponse(text(request, kind))


class Generic(TemplateView):
    def get_template_names(self) -> Any:
        return template(self.kwargs["kind"])

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return {"serial": next(serials)}


TURNS = ("keyed", "admin", "two", "nested")
#: What decides about them; a fuzzer has its own, so that it finds the same again.
chance = random.Random(0)  # noqa: S311 - of no secret


def by_chance(request: HttpRequest, kind: str) -> HttpResponse:
    """Another template each time, under one address: what was learned of it is often wrong."""
    kind = chance.choice(TURNS)
    return HttpResponse(f"{kind}:{text(request, kind)}")


def dispatched_by_key(request: HttpRequest, kind: str) -> HttpResponse:
    """The same as slots do it, so that the views inside are kept by the key."""
    return for_a(request) if in_segment(request, "a") else for_others(request)


#: These show another kind of page each time, and say which.
TURNING: dict[str, View] = {
    "by-chance": by_chance,
    "cached-by-chance": cache_page(60)(by_chance),
}
#: What these show whatever is asked for.
SHOWN_BY = {"missing": "slot", "dispatched": "dispatched", "dispatched-by-key": "by-flag"}
STYLES: dict[str, View] = {
    "bare": rendered,
    "late": late,
    "generic": Generic.as_view(),
    "streamed": streamed,
    "asked-and-streamed": asked_and_streamed,
    "missing": missing,
    "dispatched": dispatched,
    "dispatched-by-key": dispatched_by_key,
    "cached": cache_page(60)(rendered),
    "cached-late": cache_page(60)(late),
    "cached-generic": cache_page(60)(Generic.as_view()),
    "cached-by-cookie": cache_page(60)(vary_on_cookie(rendered)),
    "cached-api": Api.as_view(),
    "cached-plain-api": PlainApi.as_view(),
    "public": cache_control(public=True, max_age=600, s_maxage=900, immutable=True)(rendered),
    "public-streamed": cache_control(public=True, max_age=600)(streamed),
    "for-cdn": lambda request, kind: for_cdn(rendered(request, kind)),
}


def for_cdn(response: HttpResponse) -> HttpResponse:
    response["CDN-Cache-Control"] = "max-age=600"
    response["Surrogate-Control"] = "max-age=600"
    response["X-Accel-Expires"] = "600"
    response["Expires"] = "Thu, 01 Jan 2099 00:00:00 GMT"
    return response


urlpatterns = [
    path("p/", include("personalization.urls")),
    *(path(f"{style}/<kind>", view, name=style) for style, view in {**STYLES, **TURNING}.items()),
]
handler404 = not_found
