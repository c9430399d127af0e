"""The rights for programs: the same as on the page, asked by scripts of the site in JSON.

A cookie proves who asks, so nothing is taken from pages of other sites. No token is needed:
browsers state where a request comes from, and ask first before they send such as these.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.http import HttpRequest, JsonResponse
from django.http.response import HttpResponseBase
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt

from personalization.exceptions import BufferUnavailable, EventRejected, RequestRejected
from personalization.ingest.body import parse_json, read_body
from personalization.privacy.models import Erasure
from personalization.rights.access import Access, Holder, access_of, asked_scope, holder_of
from personalization.rights.acts import erase, erasure_of, forget_browser, take_along
from personalization.rights.correction import correct
from personalization.rights.guard import guarded
from personalization.rights.holdings import holdings
from personalization.rights.told import told, told_erasure
from personalization.types import JsonObject

JSON = "application/json"


def _refuse(request: HttpRequest, error: RequestRejected) -> HttpResponseBase:
    return _json({"code": error.code, "message": str(error)}, status=error.status)


@csrf_exempt  # `guarded` asks whether a page of this site sends it
@guarded("GET", "HEAD", "DELETE", refuse=_refuse)
def me(request: HttpRequest, *, now: datetime) -> HttpResponseBase:
    """Say what is held of who asks, or erase it."""
    access, holder = _asking(request, now=now)
    if request.method != "DELETE":
        return _json(told(holder, holdings(holder, now=now), access=access))
    erased = erase(holder, channel=Erasure.Channel.API, now=now)
    response = _json(told_erasure(erased), status=202)
    if access.device in holder.subject.keys:
        forget_browser(response)
    return response


@guarded("GET", "HEAD", refuse=_refuse)
def export(request: HttpRequest, *, now: datetime) -> HttpResponseBase:
    """Send everything that is held of who asks, as a file."""
    _refuse_foreign(request)
    return take_along(_asking(request, now=now)[1], now=now)


@csrf_exempt  # as above
@guarded("PATCH", refuse=_refuse)
def traits(request: HttpRequest, *, now: datetime) -> HttpResponseBase:
    """State traits anew; null takes one away."""
    holder = _asking(request, now=now)[1]
    stated = _stated(request)
    try:
        correct(holder, stated, now=now)
    except EventRejected as error:
        raise RequestRejected(str(error), code=error.code) from None
    except BufferUnavailable as error:
        raise RequestRejected(str(error), code="unavailable", status=503) from error
    return _json({"corrected": sorted(stated)}, status=202)


@guarded("GET", "HEAD", refuse=_refuse)
def erasure(request: HttpRequest, *, now: datetime, uid: str) -> HttpResponseBase:
    """Say how far an erasure is, to whoever has its number."""
    return _json(told_erasure(erasure_of(uid)))


def _asking(request: HttpRequest, *, now: datetime) -> tuple[Access, Holder]:
    access = access_of(request, now=now)
    scope = asked_scope(request.GET.get("of", ""), access)
    return access, holder_of(access, scope=scope)


def _stated(request: HttpRequest) -> Mapping[str, Any]:
    """Return the traits that the body states.

    :raises RequestRejected: when it states none.
    """
    if request.content_type != JSON:
        raise RequestRejected(
            _("Traits are stated in %(wanted)s, not %(given)s.")
            % {"wanted": JSON, "given": repr(request.content_type or "")[:50]},
            code="unsupported_type",
            status=415,
        )
    body = parse_json(read_body(request))
    stated = body.get("traits") if isinstance(body, dict) else None
    if not isinstance(stated, dict) or not stated:
        raise RequestRejected(
            _("/traits is needed: an object of names and values."), code="missing_traits"
        )
    return stated


def _refuse_foreign(request: HttpRequest) -> None:
    """Refuse what a page of another site leads to: nothing is written into the log for it.

    :raises RequestRejected: when the browser says so.
    """
    if request.META.get("HTTP_SEC_FETCH_SITE", "none") not in ("none", "same-origin"):
        raise RequestRejected(
            _("This is taken from pages of this site only."), code="foreign_origin", status=403
        )


def _json(body: JsonObject, *, status: int = 200) -> JsonResponse:
    return JsonResponse(body, status=status, encoder=DjangoJSONEncoder)
