"""The pages of a real site, one for each way to deliver a slot, under a strict policy."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.template import engines
from django.urls import include, path
from django.views.decorators.cache import cache_page

from tests.slots.site import POLICY, block

HEAD = (
    '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Shoes</title>'
    "{% load personalization %}{% personalization_slots %}{% personalization_tracker %}"
    "</head><body>"
)
BELOW = "<p>What stands below must not move.</p>" * 5
#: Three lines for those in the segment, where everybody else has one.
FOR_A = '{% variant "a" %}<div><p>for a</p><p>and more</p><p>and more</p></div>'
OPTIONS = {
    "inline": "inline",
    "keyed": "keyed",
    "deferred": "deferred reserve=12",
}


def rendered(request: HttpRequest, options: str) -> HttpResponse:
    source = HEAD + block(variants=FOR_A, options=OPTIONS[options]) + BELOW + "</body></html>"
    html = engines["django"].from_string(source).render({}, request)
    return HttpResponse(html, headers={"Content-Security-Policy": POLICY})


#: What a front end of another make is served: its page and its scripts, by name.
FILES: dict[str, str] = {}


def served(request: HttpRequest, name: str) -> HttpResponse:
    kind = "text/javascript" if name.endswith(".js") else "text/html"
    headers = {"Content-Security-Policy": POLICY, "Content-Type": kind}
    return HttpResponse(FILES[name], headers=headers)


urlpatterns = [
    path("front/<name>", served),
    path("p/", include("personalization.urls")),
    *(
        path(f"{prefix}{name}/", view, {"options": name})
        for prefix, view in (("", rendered), ("cached/", cache_page(60)(rendered)))
        for name in OPTIONS
    ),
    path("favicon.ico", lambda request: HttpResponse(status=204)),
]
