"""`GET /v1/recommend`: a list of recommended items, apart from its page."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.http import HttpRequest, HttpResponse, QueryDict
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from personalization.clock import microseconds
from personalization.delivery.askers import (
    REFUSED,
    About,
    asking,
    json_answer,
    refusal,
    refuse_other_methods,
    refuse_others,
)
from personalization.delivery.attempt import attempt
from personalization.delivery.bots import is_bot
from personalization.delivery.decide_body import Page, read_who
from personalization.delivery.known import NOBODY, read_visitor
from personalization.delivery.page_request import as_of_page
from personalization.delivery.recommendations import (
    USUAL,
    List,
    Wanted,
    list_about,
    list_of,
    report_of,
    wanted_of,
)
from personalization.delivery.request_context import request_context
from personalization.delivery.visitor import Visitor
from personalization.exceptions import BodyRejected, RequestRejected
from personalization.ingest import origins
from personalization.ml.serving.recommend import Recommendation
from personalization.profiles.identity import Key
from personalization.types import Json, JsonObject, Purpose

_WHO = ("anonymousId", "userId")


@csrf_exempt  # other methods are refused in words of their own, and change nothing
@transaction.non_atomic_requests
def recommend(request: HttpRequest) -> HttpResponse:
    """Answer what is recommended: to the visitor of the cookie, or to whom a server names."""
    source = None
    try:
        refuse_other_methods(request, "GET", "HEAD", "OPTIONS")
        if request.method == "OPTIONS":
            return origins.preflight(request)
        query, now = request.GET, timezone.now()
        about = About(who=_who(query), write_key=query.get("writeKey"))
        source = asking(request, about, now=now)
        refuse_others(request, about, source)
        wanted = _wanted(query)
        counts = query.get("shown") != "0"
        shown, key = _shown(request, wanted, about.who, counts=counts, now=now)
        told = _told(shown)
        if query.get("html") == "1":
            told["html"] = shown.html
        if key is not None or "html" in told:
            told["shown"] = report_of(shown, key=key, now=now, contexts=about.who is not None)
        answer = json_answer(told)
    except REFUSED as error:
        answer = refusal(error)
    for name, value in origins.headers(request, source).items():
        answer[name] = value
    return answer


def _wanted(query: QueryDict) -> Wanted:
    """Return what is asked for.

    :raises RequestRejected: naming what is wrong.
    """
    limit = query.get("limit", str(USUAL))
    is_whole = limit.isascii() and limit.isdigit() and len(limit) < 5
    try:
        return wanted_of(
            query.get("place", ""), n=int(limit) if is_whole else limit, item=query.get("item", "")
        )
    except ValueError as error:
        raise RequestRejected(str(error), code="invalid_list") from None


def _who(query: QueryDict) -> Key | None:
    """Return who is named.

    :raises RequestRejected: if that is nobody, or two.
    """
    try:
        return read_who({name: query[name] for name in _WHO if name in query})
    except BodyRejected as error:
        raise RequestRejected(str(error), code=error.code) from None


def _shown(
    request: HttpRequest, wanted: Wanted, who: Key | None, *, counts: bool, now: datetime
) -> tuple[List, Key | None]:
    """Return the list, and whose key proves that it is shown, if that is still to be reported.

    That of a visitor counts as shown, unless they say otherwise.
    """
    page = as_of_page(request, Page(), trusted=who is not None)
    if who is None:
        visitor = Visitor(page, now=now)
        shown = list_of(visitor, wanted, expose=counts)
        return shown, None if counts else visitor.reporter
    known = attempt(
        lambda: read_visitor(
            who.value, namespace=who.namespace, context=lambda: request_context(page), now=now
        ),
        otherwise=NOBODY,
        what="Reading who is named",
    )
    standing = known.standing(
        consented=Purpose.PERSONALIZATION.value in known.consents,
        bot=is_bot(page),
        unit=known.unit,
        now=microseconds(now),
    )
    shown = attempt(
        lambda: list_about(known, standing, wanted, now=now),
        otherwise=List(place=wanted.place),
        what=f"Recommendations {wanted.place}",
    )
    return shown, who


def _told(shown: List) -> dict[str, Json]:
    return {
        "place": shown.place,
        "decision_id": shown.id,
        "model_version": shown.model_version,
        "recommendations": [_told_of(one) for one in shown],
    }


def _told_of(one: Recommendation) -> JsonObject:
    item = one.item
    return {
        "position": one.position,
        "item": {
            "key": item.key,
            "kind": item.kind,
            "title": item.title,
            "url": item.url,
            "image": item.image,
            "category": item.category,
            "tags": list(item.tags),
            "price": None if item.price is None else str(item.price),
        },
        "score": round(one.score, 6),
        "propensity": round(one.propensity, 6),
        "reason": {
            "code": one.reason.code,
            "item": one.reason.item.key if one.reason.item else None,
            "text": str(one.reason),
        },
    }
