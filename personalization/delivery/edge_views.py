"""`GET /v1/key`: the key of a page for the visitor of the cookie, for caches in front of the site."""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from personalization.conf import settings
from personalization.delivery.caching import KEY_HEADER
from personalization.delivery.decide_body import Page
from personalization.delivery.lookup import page_key
from personalization.delivery.page_request import as_of_page
from personalization.delivery.visitor import Visitor

_HEADERS = {"Cache-Control": "private, no-store", "X-Content-Type-Options": "nosniff"}
_TEXT = "text/plain; charset=utf-8"
#: In which the page may stand too: not every cache can write an address into another one.
PAGE_META = "HTTP_X_PERSONALIZATION_PAGE"
_LONGEST = 4000
#: A path with its query, as a browser sends it; what begins with two slashes, or with one and
#: a backslash, is an address of another site.
_PATH = re.compile(r"/(?![/\\])[^\s#\\\x00-\x1f\x7f]*")


@csrf_exempt  # other methods are refused in words of their own, and change nothing
@transaction.non_atomic_requests
def key(request: HttpRequest) -> HttpResponse:
    """Answer under which key the page at `path` is kept for the visitor of the cookie.

    A page that is not known yet has one that no version is kept under.
    """
    if not settings.EDGE:
        return _refusal("PERSONALIZATION_EDGE is False: no cache in front is told keys.", 404)
    if request.method not in ("GET", "HEAD"):
        answer = _refusal(f"{request.method} is not allowed here; GET, HEAD is.", 405)
        answer["Allow"] = "GET, HEAD"
        return answer
    path = request.GET.get("path") or request.META.get(PAGE_META, "")
    if len(path) > _LONGEST or not _PATH.fullmatch(path):
        return _refusal(
            f"path is {path[:100]!r}; the path of a page of this site is needed, as a browser "
            "sends it: /the/page/?q=1. It may stand in X-Personalization-Page instead.",
            400,
        )
    visitor = Visitor(as_of_page(request, _page(request, path)))
    return HttpResponse(status=204, headers={**_HEADERS, KEY_HEADER: page_key(visitor)})


def _page(request: HttpRequest, path: str) -> Page:
    asked = urlsplit(path)
    referrer = request.META.get("HTTP_REFERER")
    return Page(path=unquote(asked.path), search=asked.query, referrer=referrer)


def _refusal(sentence: str, status: int) -> HttpResponse:
    return HttpResponse(sentence, status=status, content_type=_TEXT, headers=_HEADERS)
