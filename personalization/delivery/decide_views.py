"""`POST /v1/decide` and `GET /v1/slots/<slug>`: what slots show, apart from their page.

Plain views, for the same reason as where events come in: a page waits for them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.core.exceptions import SuspiciousOperation
from django.db import InterfaceError, OperationalError, transaction
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from personalization.conf import settings
from personalization.delivery.decide import decided
from personalization.delivery.decide_body import Question, read_question
from personalization.delivery.fragments import fragment_of
from personalization.events.models import Source
from personalization.exceptions import BodyRejected, Forbidden, RequestRejected, Unauthorized
from personalization.ingest import origins, throttle
from personalization.ingest.address import client_address
from personalization.ingest.authentication import authenticated_source
from personalization.ingest.body import read_body

RETRY_AFTER = "2"
#: An answer is for who asked, and is what it says that it is.
_HEADERS = {"Cache-Control": "private, no-store", "X-Content-Type-Options": "nosniff"}
_TEXT = "text/plain; charset=utf-8"
_REFUSED = (RequestRejected, OperationalError, InterfaceError, SuspiciousOperation)


@csrf_exempt  # it changes nothing, and a page of another site cannot read the answer
@transaction.non_atomic_requests
def decide(request: HttpRequest) -> HttpResponse:
    """Answer what many slots show: to the visitor of the cookie, or to whom a server names."""
    source = None
    try:
        _refuse_other_methods(request, "POST", "OPTIONS")
        if request.method == "OPTIONS":
            return origins.preflight(request)
        question, now = read_question(read_body(request)), timezone.now()
        source = _asking(request, question, now=now)
        _refuse_others(request, question, source)
        trusted = source is not None and source.is_server
        answers = decided(request, question, now=now, trusted=trusted)
        answer = _json({"decisions": answers})
    except _REFUSED as error:
        rejected = _rejected(error)
        said = {"code": rejected.code, "message": str(rejected)}
        if isinstance(rejected, BodyRejected):
            said["pointer"] = rejected.pointer
        answer = _json(said, status=rejected.status, headers=rejected.headers)
    for name, value in origins.headers(request, source).items():
        answer[name] = value
    return answer


@transaction.non_atomic_requests
def slot(request: HttpRequest, slug: str) -> HttpResponse:
    """Answer with the HTML that a slot shows to the visitor; 204 where that is its default."""
    try:
        _refuse_other_methods(request, "GET", "HEAD")
        origins.admit_own(request)
        now = timezone.now()
        throttle.admit(request, None, client_address(request), now=now)
        html = fragment_of(request, slug, now=now)
        return HttpResponse(html, status=200 if html else 204, headers=_HEADERS)
    except _REFUSED as error:
        rejected = _rejected(error)
        headers = {**rejected.headers, **_HEADERS}
        return HttpResponse(
            str(rejected), status=rejected.status, content_type=_TEXT, headers=headers
        )


def _refuse_other_methods(request: HttpRequest, *allowed: str) -> None:
    if request.method not in allowed:
        listed = ", ".join(allowed)
        error = RequestRejected(
            f"{request.method} is not allowed here; {listed} is.",
            code="method_not_allowed",
            status=405,
        )
        error.headers["Allow"] = listed
        raise error


def _asking(request: HttpRequest, question: Question, *, now: datetime) -> Source | None:
    """Return the source that asks; None is the browser of a visitor of this very site.

    The Authorization header of such a browser may belong to the password in front of a
    staging site; so no good key is none at all there.

    :raises Unauthorized: with a key that nobody has, from elsewhere.
    :raises Forbidden: from a page of a site that the source does not list.
    :raises TooMany: too soon after others, of its source or address.
    """
    address, source = client_address(request), None
    try:
        source = authenticated_source(request, (question.write_key,), now=now)
        origins.admit(request, source)
    except Unauthorized:
        throttle.admit(request, None, address, now=now)
        origins.admit_own(request)
        if question.who or not origins.says_own(request) and _shows_key(request, question):
            raise
    else:
        throttle.admit(request, source, address, now=now)
    return source


def _shows_key(request: HttpRequest, question: Question) -> bool:
    return question.write_key is not None or "HTTP_AUTHORIZATION" in request.META


def _refuse_others(request: HttpRequest, question: Question, source: Source | None) -> None:
    """Let nobody but the site's servers ask about somebody else, and have them say about whom.

    :raises Forbidden: when a browser asks.
    """
    if source is not None and source.is_server:
        if question.who is None and settings.VISITOR_COOKIE not in request.COOKIES:
            raise BodyRejected(
                "anonymousId or userId is needed, or the cookie of the visitor.",
                code="missing_ids",
                pointer="",
            )
    elif question.who is not None:
        raise Forbidden(
            "The key of a browser source can be read in every page, so it tells of nobody but "
            "the visitor of the cookie. This takes one of a server source.",
            code="server_key_needed",
        )


def _rejected(error: Exception) -> RequestRejected:
    if isinstance(error, RequestRejected):
        return error
    if isinstance(error, SuspiciousOperation):  # such as a query of thousands of fields
        return RequestRejected(str(error))
    rejected = RequestRejected(
        "The database cannot be reached; try again.", code="unavailable", status=503
    )
    rejected.headers["Retry-After"] = RETRY_AFTER
    return rejected


def _json(
    said: Mapping[str, Any], *, status: int = 200, headers: Mapping[str, str] | None = None
) -> HttpResponse:
    text = json.dumps(said, ensure_ascii=False, separators=(",", ":"))
    return HttpResponse(
        text.encode(errors="replace"),  # what is repeated from a request may be half a letter
        status=status,
        content_type="application/json",
        headers={**(headers or {}), **_HEADERS},
    )
