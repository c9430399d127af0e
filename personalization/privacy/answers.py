"""The readable cookie that remembers an answer: `<policy version>.<purposes>`.

It holds no id and no secret. It tells scripts on cached pages whether to ask and
whether to start; what the server may use is decided by the recorded answers. Among the
purposes stands `signal` where the visitor agreed although the browser objects.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from personalization.conf import settings
from personalization.privacy.signals import objects
from personalization.profiles.visitor import signed
from personalization.types import ASKED_PURPOSES, COLLECTING_PURPOSES

_FORMAT = re.compile(r"(.{1,20})\.([a-z-]*)")


#: Browsers take cookies that are called so over HTTPS only, the first from this very host alone.
HOST_PREFIX, SECURE_PREFIX = "__Host-", "__Secure-"

#: Stands among the purposes: the visitor agreed although the browser objects.
DESPITE_SIGNAL = "signal"


def answered(cookies: Mapping[str, str], meta: Mapping[str, Any]) -> frozenset[str] | None:
    """Return the purposes agreed to under the current policy; None: not asked yet.

    Nothing is, while the browser objects (`meta` are the headers of the request) and the
    answer was not given in spite of that.
    """
    match = _FORMAT.fullmatch(cookies.get(settings.CONSENT_COOKIE, ""))
    if match is None or match[1] != settings.POLICY_VERSION:
        return None
    stated = match[2].split("-")
    if DESPITE_SIGNAL not in stated and objects(meta):
        return frozenset()
    return known(stated)


def known(purposes: Collection[str]) -> frozenset[str]:
    """Return those of `purposes` that a visitor is asked for."""
    return frozenset(purpose.value for purpose in ASKED_PURPOSES if purpose.value in purposes)


def remember(
    response: HttpResponse,
    *,
    granted: frozenset[str],
    visitor_id: str | None,
    despite_signal: bool = False,
) -> None:
    """Set the cookies that follow from an answer; without collecting there is no id.

    The answer is forgotten when it has to be given anew. `despite_signal` says that the
    visitor gave it although the browser objects.
    """
    said = {*granted, DESPITE_SIGNAL} if despite_signal and granted else granted
    answer = f"{settings.POLICY_VERSION}.{'-'.join(sorted(said))}"
    age = min(settings.CONSENT_AGE, settings.VISITOR_COOKIE_AGE)
    _set_cookie(response, settings.CONSENT_COOKIE, answer, readable=True, age=age)
    set_visitor(response, visitor_id if granted & COLLECTING_PURPOSES else None)


def set_visitor(response: HttpResponseBase, visitor_id: str | None) -> None:
    """Set the cookie that says who visits; None: nobody we know."""
    if visitor_id is not None:
        age = settings.VISITOR_COOKIE_AGE
        _set_cookie(response, settings.VISITOR_COOKIE, signed(visitor_id), readable=False, age=age)
    else:
        response.delete_cookie(settings.VISITOR_COOKIE, samesite="Lax")


def _set_cookie(
    response: HttpResponseBase, name: str, value: str, *, readable: bool, age: timedelta
) -> None:
    response.set_cookie(
        name,
        value,
        max_age=age,
        secure=settings.COOKIE_SECURE or name.startswith((HOST_PREFIX, SECURE_PREFIX)),
        httponly=not readable,
        samesite="Lax",
    )


def from_this_site(request: HttpRequest) -> bool:
    """Return whether a page of this site sent the request.

    Stands in for a CSRF token, which cacheable pages cannot carry: browsers state
    the origin of every POST and no page can forge it.
    """
    fetch_site = request.META.get("HTTP_SEC_FETCH_SITE")
    if fetch_site is not None:
        return bool(fetch_site == "same-origin")
    stated = request.META.get("HTTP_ORIGIN") or request.META.get("HTTP_REFERER", "")
    try:
        return bool(urlsplit(stated).netloc == request.get_host())
    except ValueError:  # no address at all
        return False
