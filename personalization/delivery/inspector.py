"""What staff are shown on a page that they look closer at: whom it is for, and why it is so.

Only requests that show a ticket come here. Their responses are for nobody else: no cache
answers them or keeps what they got.
"""

from __future__ import annotations

import uuid

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.middleware.csrf import get_token
from django.template.loader import render_to_string
from django.utils.cache import patch_cache_control

from personalization.delivery.attempt import attempt
from personalization.delivery.caching import KEY_META, META_KEY, mark_private
from personalization.delivery.inspector_page import page_of
from personalization.delivery.visitor import Visitor, visitor_of
from personalization.ingest.views import IngestView

#: What would have a response come encoded, in part or not at all: then nothing can be added.
_CONDITIONS = (
    "HTTP_ACCEPT_ENCODING", "HTTP_IF_NONE_MATCH", "HTTP_IF_MODIFIED_SINCE", "HTTP_RANGE",
)  # fmt: skip
_TEMPLATE = "personalization/inspector.html"


def keep_apart(request: HttpRequest) -> None:
    """Make a request that shows a ticket like no other, before any cache sees it."""
    request.META[META_KEY] = request.META[KEY_META] = f"preview:{uuid.uuid4().hex}"
    for name in _CONDITIONS:
        request.META.pop(name, None)


def look_closer(request: HttpRequest, view: object) -> HttpResponse | None:
    """Settle whether staff look closer, and have their page's policy know its nonce, and the
    browser the cookie of the form in the bar.

    What a page sends that shows them somebody else is answered here, and nobody keeps it.
    """
    visitor = visitor_of(request)
    if visitor is None:
        return None
    visitor.look_closer()
    if visitor.inspected:  # both have to be known before the response comes back
        nonce_of(request)
        get_token(request)
    if visitor.preview is not None and _brings_events(request, view):
        return JsonResponse({"success": True})
    return None


def show(request: HttpRequest, response: HttpResponseBase) -> None:
    """Have nobody keep the response; add the bar and the panel to a page for staff."""
    mark_private(response)
    patch_cache_control(response, no_store=True)
    visitor = visitor_of(request)
    if visitor is None or not visitor.inspected or not _is_page(request, response):
        return
    assert isinstance(response, HttpResponse)
    markup = attempt(lambda: _markup(visitor), otherwise="", what="The inspector")
    if markup:
        _add(response, markup.encode(response.charset or "utf-8", "xmlcharrefreplace"))


def _brings_events(request: HttpRequest, view: object) -> bool:
    """Return whether the request is to be recorded: that of a pixel is a GET."""
    return isinstance(view, IngestView) and not view.route.document and request.method != "OPTIONS"


def nonce_of(request: HttpRequest) -> str:
    """Return the nonce of the page's policy: of django-csp, or of Django's own."""
    for name in ("csp_nonce", "_csp_nonce"):
        if (found := getattr(request, name, None)) is not None:  # it is made when it is read
            return str(found)
    return ""


def _is_page(request: HttpRequest, response: HttpResponseBase) -> bool:
    """Return whether it is a page of the site that can be added to, and not of its admin."""
    match = request.resolver_match
    if match is not None and "admin" in match.app_names:
        return False
    return (
        isinstance(response, HttpResponse)
        and not response.streaming
        and not response.has_header("Content-Encoding")
        and response.get("Content-Type", "").partition(";")[0].strip().lower() == "text/html"
        and request.method != "HEAD"
        and (b"</body" in response.content or b"<html" in response.content.lower())
    )


def _markup(visitor: Visitor) -> str:
    request = visitor.request
    page = page_of(visitor)
    context = {"page": page, "nonce": nonce_of(request)}
    return render_to_string(_TEMPLATE, context, request).strip()


def _add(response: HttpResponse, markup: bytes) -> None:
    content = response.content
    end = content.lower().rfind(b"</body")
    place = len(content) if end < 0 else end
    response.content = content[:place] + markup + content[place:]
    if response.has_header("Content-Length"):
        response["Content-Length"] = str(len(response.content))
    for name in ("ETag", "Last-Modified"):
        del response[name]
