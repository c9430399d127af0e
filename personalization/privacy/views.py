"""Where visitors answer: the target of the banner, and a page for everybody else."""

from __future__ import annotations

import json
from collections.abc import Sequence

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.cache import patch_cache_control
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from personalization.exceptions import RequestRejected
from personalization.privacy.answers import answered, from_this_site, known, remember
from personalization.privacy.consent import record_consent
from personalization.privacy.models import Consent
from personalization.privacy.purposes import purpose_texts
from personalization.profiles.identity import Key
from personalization.profiles.models import Identity
from personalization.profiles.visitor import new_visitor_id, read_visitor_id
from personalization.types import ASKED_PURPOSES, COLLECTING_PURPOSES

_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")


@csrf_exempt  # `from_this_site` guards it; see there for why no token
@require_http_methods(["GET", "HEAD", "POST"])
def consent(request: HttpRequest) -> HttpResponse:
    """Show what a visitor can agree to, or record the answer."""
    if request.method != "POST":
        return _page(request)
    try:
        return _answer(request)
    except RequestRejected as error:
        return JsonResponse({"code": error.code, "message": str(error)}, status=error.status)


def _page(request: HttpRequest) -> HttpResponse:
    granted = answered(request.COOKIES) or frozenset()
    response = render(
        request,
        "personalization/consent.html",
        {"purposes": purpose_texts(granted), "next": _next(request.GET.get("next", "/"), request)},
    )
    patch_cache_control(response, private=True, no_store=True)
    return response


def _answer(request: HttpRequest) -> HttpResponse:
    if not from_this_site(request):
        raise RequestRejected(
            _("Answers are taken from pages of this site only."), code="foreign_origin", status=403
        )
    is_json = request.content_type == "application/json"
    granted = _read_json(request) if is_json else _read_form(request)
    visitor_id = _record(request, granted, by_json=is_json)
    response: HttpResponse
    if is_json:
        response = JsonResponse({"purposes": sorted(granted)})
    else:
        response = HttpResponseRedirect(_next(request.POST.get("next", "/"), request))
        response.status_code = 303
    remember(response, granted=granted, visitor_id=visitor_id)
    patch_cache_control(response, private=True, no_store=True)
    return response


def _record(request: HttpRequest, granted: frozenset[str], *, by_json: bool) -> str | None:
    """Record the answer of a visitor who is known or becomes known by it.

    A refusal of somebody unknown leaves no row: there is nobody to write it for.
    """
    visitor_id = read_visitor_id(request.COOKIES)
    if visitor_id is None and granted & COLLECTING_PURPOSES:
        visitor_id = new_visitor_id()
    if visitor_id is not None:
        mechanism = Consent.Mechanism.BANNER if by_json else Consent.Mechanism.PREFERENCES
        key = Key(Identity.ANONYMOUS, visitor_id)
        record_consent(key, granted=granted, mechanism=mechanism, now=timezone.now())
    return visitor_id


def _read_json(request: HttpRequest) -> frozenset[str]:
    try:
        purposes = json.loads(request.body)["purposes"]
    except (ValueError, KeyError, TypeError, RecursionError):
        purposes = None
    if not isinstance(purposes, list):
        raise RequestRejected("/purposes is needed: a list of purposes.", code="missing_purposes")
    return _agreed(purposes)


def _read_form(request: HttpRequest) -> frozenset[str]:
    # Anything else would be read as a form without a tick: a refusal nobody gave.
    if request.content_type not in _FORMS:
        raise RequestRejected(
            f"An answer is JSON or a form, not {request.content_type or 'nothing'}.",
            code="unsupported_type",
            status=415,
        )
    choice = request.POST.get("choice")
    if choice == "all":
        return known(ASKED_PURPOSES)
    return frozenset() if choice == "none" else _agreed(request.POST.getlist("purposes"))


def _agreed(purposes: Sequence[object]) -> frozenset[str]:
    agreed = known([purpose for purpose in purposes if isinstance(purpose, str)])
    if unknown := [purpose for purpose in purposes if purpose not in list(agreed)]:
        allowed = ", ".join(ASKED_PURPOSES)
        raise RequestRejected(
            f"/purposes: {str(unknown)[:100]} is not known. Allowed: {allowed}.",
            code="unknown_purpose",
        )
    return agreed


def _next(url: str, request: HttpRequest) -> str:
    allowed = url_has_allowed_host_and_scheme(
        url, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return url if allowed else "/"
