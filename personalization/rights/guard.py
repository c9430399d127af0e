"""What every page and every address of the rights does: ask who may, and let nobody keep it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import wraps
from typing import TypeAlias

from django.core.exceptions import SuspiciousOperation
from django.db import transaction
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.utils.cache import patch_cache_control, patch_vary_headers
from django.utils.translation import gettext as _

from personalization.exceptions import RequestRejected
from personalization.ingest import throttle
from personalization.ingest.address import client_address
from personalization.privacy.answers import from_this_site

View: TypeAlias = Callable[..., HttpResponseBase]
Refuse: TypeAlias = Callable[[HttpRequest, RequestRejected], HttpResponseBase]
_SAFE = frozenset({"GET", "HEAD"})


def guarded(*methods: str, refuse: Refuse) -> Callable[[View], View]:
    """Return what lets a view answer `methods` alone, and has `refuse` answer what it rejects.

    The view gets `now`. Its answer is for who asked: nobody keeps it, no frame shows it, and
    no address of it is told to another site.
    """

    def decorate(view: View) -> View:
        @transaction.non_atomic_requests
        @wraps(view)
        def answer(request: HttpRequest, **arguments: object) -> HttpResponseBase:
            now = timezone.now()
            try:
                _admit(request, methods, now=now)
                response = view(request, now=now, **arguments)
            except RequestRejected as error:
                response = refuse(request, error)
                for name, value in error.headers.items():
                    response[name] = value
            except SuspiciousOperation as error:  # such as a form of thousands of fields
                response = refuse(request, RequestRejected(str(error)))
            return _alone(response)

        return answer

    return decorate


def _admit(request: HttpRequest, methods: tuple[str, ...], *, now: datetime) -> None:
    """Let a request pass that does what may be done here, not too often and from this site.

    :raises RequestRejected: saying what is wrong.
    """
    if request.method not in methods:
        error = RequestRejected(
            _("%(method)s is not allowed here; %(allowed)s is.")
            % {"method": (request.method or "")[:20], "allowed": ", ".join(methods)},
            code="method_not_allowed",
            status=405,
        )
        error.headers["Allow"] = ", ".join(methods)
        raise error
    throttle.admit(request, None, client_address(request), now=now)
    if request.method not in _SAFE and not from_this_site(request):
        raise RequestRejected(
            _("This is taken from pages of this site only."), code="foreign_origin", status=403
        )


def _alone(response: HttpResponseBase) -> HttpResponseBase:
    patch_cache_control(response, private=True, no_store=True, max_age=0)
    patch_vary_headers(response, ("Cookie",))
    response["X-Content-Type-Options"] = "nosniff"
    response["X-Frame-Options"] = "DENY"
    response["Referrer-Policy"] = "same-origin"
    return response
