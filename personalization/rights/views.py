"""The pages on which visitors see, take along, correct and erase what is held of them."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.conf import settings as django_settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import render, resolve_url
from django.urls import NoReverseMatch, Resolver404, resolve, reverse
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.debug import sensitive_post_parameters

from personalization.conf import settings
from personalization.exceptions import EventRejected, NotThere, RequestRejected
from personalization.privacy.erasure.receipt import receipt_file
from personalization.privacy.models import Erasure
from personalization.rights.access import Access, Holder, access_of, asked_scope, holder_of
from personalization.rights.acts import erase, erasure_of, forget_browser, take_along
from personalization.rights.confirmation import confirm_by_password
from personalization.rights.correction import as_before, correct, traits_of
from personalization.rights.guard import guarded
from personalization.rights.holdings import holdings, places

_PAGE = "personalization/privacy.html"


def _refuse(request: HttpRequest, error: RequestRejected) -> HttpResponseBase:
    """Show what is wrong; who only has to confirm or to log in is led there."""
    if error.code == "confirmation_needed":
        return HttpResponseRedirect(confirmation_address(request), status=303)
    context = {"message": str(error), "login": login_address(request)}
    return render(request, "personalization/privacy_refused.html", context, status=error.status)


@csrf_protect
@guarded("GET", "HEAD", refuse=_refuse)
def privacy(request: HttpRequest, *, now: datetime) -> HttpResponseBase:
    """Show what is held of who asks."""
    access = access_of(request, now=now)
    scope = asked_scope(request.GET.get("of", ""), access)
    context = {
        "access": access,
        "scope": scope,
        "login": "" if access.user else login_address(request),
        "done": _said(request.GET.get("done", "")),
    }
    try:
        holder = holder_of(access, scope=scope)
    except RequestRejected:  # there is more to say to them than that
        return render(request, _PAGE, context)
    return render(request, _PAGE, {**context, "held": holdings(holder, now=now)})


@csrf_protect
@guarded("POST", refuse=_refuse)
def download(request: HttpRequest, *, now: datetime) -> HttpResponseBase:
    """Send everything that is held of who asks, as a file."""
    return take_along(_holder(request, request.POST.get("of", ""), now=now), now=now)


@csrf_protect
@guarded("POST", refuse=_refuse)
def correction(request: HttpRequest, *, now: datetime) -> HttpResponseBase:
    """State one trait anew, or take it away."""
    holder = _holder(request, request.POST.get("of", ""), now=now)
    name = request.POST.get("trait", "")
    old = traits_of(holder).get(name)
    takes_away = request.POST.get("do") == "remove"
    value = None if takes_away else as_before(old, request.POST.get("value", ""))
    try:
        correct(holder, {name: value}, now=now)
    except EventRejected as error:
        raise RequestRejected(str(error), code=error.code) from None
    return _back(holder, done="removed" if takes_away else "corrected")


@csrf_protect
@guarded("GET", "HEAD", "POST", refuse=_refuse)
def erasure(request: HttpRequest, *, now: datetime) -> HttpResponseBase:
    """Ask whether everything is to go, and what that is; then let it go."""
    asked = request.POST if request.method == "POST" else request.GET
    access = access_of(request, now=now)
    holder = holder_of(access, scope=asked_scope(asked.get("of", ""), access))
    if request.method != "POST":
        found = [place for place in places(holder.subject) if place.count and place.goes]
        context = {"access": access, "scope": holder.scope, "places": found}
        return render(request, "personalization/privacy_erase.html", context)
    if request.POST.get("sure") != "yes":
        raise RequestRejected(_("Tick that you are sure: it cannot be undone."), code="not_sure")
    erased = erase(holder, channel=Erasure.Channel.SELF, now=now)
    address = reverse("personalization:privacy-receipt", args=[erased.uid])
    response = HttpResponseRedirect(address, status=303)
    if access.device in holder.subject.keys:
        forget_browser(response)
    return response


@sensitive_post_parameters("password")
@csrf_protect
@guarded("GET", "HEAD", "POST", refuse=_refuse)
def confirmation(request: HttpRequest, *, now: datetime) -> HttpResponseBase:
    """Have who is logged in give the password again."""
    if access_of(request, now=now).user is None:
        raise RequestRejected(
            _("Log in to see what belongs to your account."), code="login_needed", status=401
        )
    context: dict[str, Any] = {"name": request.user.get_username()}
    if request.method == "POST":
        if confirm_by_password(request, request.POST.get("password", ""), now=now):
            return HttpResponseRedirect(f"{_address()}?of=person", status=303)
        context["problem"] = _("That is not the password of this account.")
    status = 403 if "problem" in context else 200
    return render(request, "personalization/privacy_confirm.html", context, status=status)


@guarded("GET", "HEAD", refuse=_refuse)
def receipt(request: HttpRequest, *, now: datetime, uid: str) -> HttpResponseBase:
    """Show how far an erasure is, to whoever has its number."""
    found = erasure_of(uid)
    return render(request, "personalization/privacy_receipt.html", {"erasure": found})


@guarded("GET", "HEAD", refuse=_refuse)
def receipt_download(request: HttpRequest, *, now: datetime, uid: str) -> HttpResponseBase:
    """Send the signed receipt."""
    found = erasure_of(uid)
    if not found.receipt:
        raise NotThere(_("There is no receipt yet: the erasure is still at work."))
    name = f'attachment; filename="erasure-{found.uid}.json"'
    return HttpResponse(
        receipt_file(found),
        content_type="application/json",
        headers={"Content-Disposition": name},
    )


def confirmation_address(request: HttpRequest) -> str:
    """Return where who is logged in confirms it: on a page of the site, or on ours."""
    if not settings.CONFIRM_URL:
        return reverse("personalization:privacy-confirm")
    back = urlencode({"next": f"{_address()}?of=person"})
    return f"{resolve_url(settings.CONFIRM_URL)}?{back}"


def login_address(request: HttpRequest) -> str:
    """Return where to log in and come back from; empty on a site without such a page."""
    try:
        address = resolve_url(django_settings.LOGIN_URL)
        if address.startswith("/"):
            resolve(address.partition("?")[0], getattr(request, "urlconf", None))
    except (NoReverseMatch, Resolver404):
        return ""
    return f"{address}?{urlencode({'next': _address()})}"


def _address() -> str:
    return reverse("personalization:privacy")


def _holder(request: HttpRequest, stated: str, *, now: datetime) -> Holder:
    access: Access = access_of(request, now=now)
    return holder_of(access, scope=asked_scope(stated, access))


def _back(holder: Holder, *, done: str) -> HttpResponse:
    query = urlencode({"of": holder.scope.value, "done": done})
    return HttpResponseRedirect(f"{_address()}?{query}", status=303)


def _said(done: str) -> str:
    """Return what was just done; nothing for what somebody has made up."""
    return {
        "corrected": _("It is corrected."),
        "removed": _("It is taken away."),
    }.get(done, "")
