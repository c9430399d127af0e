"""`POST /v1/decide` and `GET /v1/slots/<slug>`: what slots show, apart from their page.

Plain views, for the same reason as where events come in: a page waits for them.
"""

from __future__ import annotations

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from personalization.delivery.askers import (
    HEADERS,
    REFUSED,
    About,
    asking,
    json_answer,
    refusal,
    refuse_other_methods,
    refuse_others,
    rejected,
)
from personalization.delivery.decide import decided
from personalization.delivery.decide_body import read_question
from personalization.delivery.fragments import fragment_of
from personalization.ingest import origins, throttle
from personalization.ingest.address import client_address
from personalization.ingest.body import read_body

_TEXT = "text/plain; charset=utf-8"


@csrf_exempt  # it changes nothing, and a page of another site cannot read the answer
@transaction.non_atomic_requests
def decide(request: HttpRequest) -> HttpResponse:
    """Answer what many slots show: to the visitor of the cookie, or to whom a server names."""
    source = None
    try:
        refuse_other_methods(request, "POST", "OPTIONS")
        if request.method == "OPTIONS":
            return origins.preflight(request)
        question, now = read_question(read_body(request)), timezone.now()
        about = About(who=question.who, write_key=question.write_key)
        source = asking(request, about, now=now)
        refuse_others(request, about, source)
        trusted = source is not None and source.is_server
        answers = decided(request, question, now=now, trusted=trusted)
        answer = json_answer({"decisions": answers})
    except REFUSED as error:
        answer = refusal(error)
    for name, value in origins.headers(request, source).items():
        answer[name] = value
    return answer


@csrf_exempt  # other methods are refused in words of their own, and change nothing
@transaction.non_atomic_requests
def slot(request: HttpRequest, slug: str) -> HttpResponse:
    """Answer with the HTML that a slot shows to the visitor; 204 where that is its default."""
    try:
        refuse_other_methods(request, "GET", "HEAD")
        origins.admit_own(request)
        now = timezone.now()
        throttle.admit(request, None, client_address(request), now=now)
        html = fragment_of(request, slug, now=now)
        return HttpResponse(html, status=200 if html else 204, headers=HEADERS)
    except REFUSED as error:
        found = rejected(error)
        headers = {**found.headers, **HEADERS}
        return HttpResponse(str(found), status=found.status, content_type=_TEXT, headers=headers)
