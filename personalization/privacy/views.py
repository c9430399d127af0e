"""Where visitors answer: the target of the banner, and a page for everybody else."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.cache import patch_cache_control
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from personalization.conf import settings
from personalization.exceptions import IdentitySuppressed, RequestRejected
from personalization.privacy.answers import answered, from_this_site, known, remember, set_visitor
from personalization.privacy.consent import record_consent
from personalization.privacy.consent_log import Asked
from personalization.privacy.models import Mechanism
from personalization.privacy.regions import presumes, region_of
from personalization.privacy.signals import RESPECT
from personalization.privacy.standing import standing_of
from personalization.privacy.statement import JSON, Statement, read_statement
from personalization.privacy.texts import texts_of
from personalization.profiles.identity import Key
from personalization.profiles.models import Identity
from personalization.profiles.suppressed import suppressed
from personalization.profiles.visitor import new_visitor_id, read_visitor_id
from personalization.types import ASKED_PURPOSES, COLLECTING_PURPOSES


@csrf_exempt  # `from_this_site` guards it; see there for why no token
@require_http_methods(["GET", "HEAD", "POST"])
def consent(request: HttpRequest) -> HttpResponse:
    """Show what a visitor can agree to, or record the answer."""
    if request.method != "POST":
        return _page(request)
    try:
        return _answer(request)
    except RequestRejected as error:
        return _refusal(error)


@csrf_exempt  # as above
@require_POST
def presume(request: HttpRequest) -> HttpResponse:
    """Record a yes that the law of the visitor's region lets count until it is taken back.

    Answers with the purposes, or with null: the visitor is to be asked.
    """
    try:
        _guard(request)
    except RequestRejected as error:
        return _refusal(error)
    if not _is_new(request) or not presumes(request.META):
        granted = answered(request.COOKIES, request.META)
        return _private(JsonResponse({"purposes": granted if granted is None else sorted(granted)}))
    statement = Statement(
        granted=known(ASKED_PURPOSES),
        mechanism=Mechanism.PRESUMED,
        asked=Asked(region=region_of(request.META)),
    )
    response = JsonResponse({"purposes": sorted(statement.granted)})
    return _remembered(response, statement, request=request)


@require_safe
def gpc(request: HttpRequest, last_update: str) -> HttpResponse:
    """Say whether the site heeds Global Privacy Control, at `/.well-known/gpc.json`.

    `last_update` is the day on which the site began to, or ceased to, as 2026-11-29.
    Source: W3C, Global Privacy Control, “GPC Support Resource”.
    """
    return JsonResponse({"gpc": settings.SIGNALS == RESPECT, "lastUpdate": last_update})


def _page(request: HttpRequest) -> HttpResponse:
    standing = standing_of(request.COOKIES, request.META)
    context = {
        "texts": texts_of(get_language() or ""),
        "standing": standing,
        "granted": standing.granted or frozenset(),
        "next": _next(request.GET.get("next", "/"), request),
        "rights": _rights_address(),
    }
    response = render(request, "personalization/consent.html", context)
    if standing.since is None:  # who is known was not erased
        _end_erased(response, request=request)
    return _private(response)


def _end_erased(response: HttpResponse, *, request: HttpRequest) -> None:
    """Take the id away that was erased, by the person or an operator: it is nobody's now."""
    visitor_id = read_visitor_id(request.COOKIES)
    if visitor_id is not None and suppressed([Key(Identity.ANONYMOUS, visitor_id)]):
        set_visitor(response, None)


def _answer(request: HttpRequest) -> HttpResponse:
    _guard(request)
    statement = read_statement(request, now=timezone.now())
    response: HttpResponse
    if request.content_type == JSON:
        response = JsonResponse({"purposes": sorted(statement.granted)})
    else:
        response = HttpResponseRedirect(_next(request.POST.get("next", "/"), request))
        response.status_code = 303
    return _remembered(response, statement, request=request)


def _remembered(
    response: HttpResponse, statement: Statement, *, request: HttpRequest
) -> HttpResponse:
    remember(
        response,
        granted=statement.granted,
        visitor_id=_record(statement, request=request),
        despite_signal=statement.despite_signal,
    )
    return _private(response)


def _record(statement: Statement, *, request: HttpRequest) -> str | None:
    """Record the answer of a visitor who is known or becomes known by it.

    A refusal of somebody unknown leaves no row: there is nobody to write it for.
    """
    visitor_id = read_visitor_id(request.COOKIES)
    if visitor_id is None and statement.granted & COLLECTING_PURPOSES:
        visitor_id = new_visitor_id()
    if visitor_id is not None:
        try:
            _keep(statement, visitor_id)
        except IdentitySuppressed:  # this browser was erased: it comes back as another one, or not
            if not statement.granted & COLLECTING_PURPOSES:
                return None
            visitor_id = new_visitor_id()
            _keep(statement, visitor_id)
    return visitor_id


def _keep(statement: Statement, visitor_id: str) -> None:
    record_consent(
        Key(Identity.ANONYMOUS, visitor_id),
        granted=statement.granted,
        mechanism=statement.mechanism,
        now=timezone.now(),
        asked=statement.asked,
    )


def _is_new(request: HttpRequest) -> bool:
    """Return whether there is no trace of an answer, not even of one to an earlier policy."""
    known_by = (settings.CONSENT_COOKIE, settings.VISITOR_COOKIE)
    return not any(name in request.COOKIES for name in known_by)


def _guard(request: HttpRequest) -> None:
    if not from_this_site(request):
        raise RequestRejected(
            _("Answers are taken from pages of this site only."), code="foreign_origin", status=403
        )


def _refusal(error: RequestRejected) -> HttpResponse:
    return JsonResponse({"code": error.code, "message": str(error)}, status=error.status)


def _private(response: HttpResponse) -> HttpResponse:
    patch_cache_control(response, private=True, no_store=True)
    return response


def _rights_address() -> str:
    """Return where visitors see, take and erase what is held; a site may leave that out."""
    try:
        return reverse("personalization:privacy")
    except NoReverseMatch:
        return ""


def _next(url: str, request: HttpRequest) -> str:
    allowed = url_has_allowed_host_and_scheme(
        url, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return url if allowed else "/"
