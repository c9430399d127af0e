"""`POST v1/audience`: a page was looked at. For `PERSONALIZATION_PRIVACY = "exempt"`.

Nobody is counted who answered: who agreed is counted by their events, and who refused not at
all. Nor are browsers that object, and programs. The answer tells of none of that.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from django.db import InterfaceError, OperationalError, transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from personalization import metrics
from personalization.conf import settings
from personalization.exceptions import EventRejected, NotThere, RequestRejected, TooLarge
from personalization.ingest import throttle
from personalization.ingest.address import client_address
from personalization.ingest.audience import LONGEST, View, count_view, device_of
from personalization.ingest.body import parse_json, read_body
from personalization.ingest.bots import agent_of, verdict_on_request
from personalization.ingest.clean import refuse_poison
from personalization.ingest.network import prefix
from personalization.ingest.reduce import reduced
from personalization.privacy.answers import from_this_site
from personalization.privacy.signals import objects
from personalization.types import EXEMPT

#: Bytes of a body: a path and a host.
_LARGEST: Final = 4096
_HOST = re.compile(r"[a-z0-9_.:\[\]-]{1,255}")
_HEADERS = {"Cache-Control": "max-age=0, no-store, private", "X-Content-Type-Options": "nosniff"}


# No transaction: one that cannot begin would be answered in HTML.
@transaction.non_atomic_requests
@csrf_exempt  # `from_this_site` guards it; see there for why no token
def audience(request: HttpRequest) -> HttpResponse:
    """Count a page view, where that is to be done."""
    try:
        _take(request, now=timezone.now())
    except RequestRejected as error:
        return _refusal(error)
    except (OperationalError, InterfaceError):
        metrics.count("audience.unavailable")
        return _refusal(
            RequestRejected("Nothing can be counted now.", code="unavailable", status=503)
        )
    return HttpResponse(status=204, headers=_HEADERS)


def _refusal(error: RequestRejected) -> HttpResponse:
    answer = {"code": error.code, "message": str(error)}
    return JsonResponse(answer, status=error.status, headers={**_HEADERS, **error.headers})


def _take(request: HttpRequest, *, now: datetime) -> None:
    _refuse_odd(request)
    address = client_address(request)
    throttle.admit(request, None, address, now=now)
    body = read_body(request)
    if len(body) > _LARGEST:
        raise TooLarge(f"The body has {len(body)} bytes; {_LARGEST} are allowed.")
    stated = _stated(parse_json(body))
    if not is_counted(request, stated):
        metrics.count("audience.not_counted")
        return
    user_agent = request.headers.get("User-Agent", "")
    view = View(
        page=_page(stated.get("path")),
        referrer=_referrer(stated.get("referrer"), own=request.get_host()),
        device=device_of(user_agent),
        network=prefix(address),
        browser=reduced(user_agent),
    )
    count_view(view, now=now)
    metrics.count("audience.counted")


def _refuse_odd(request: HttpRequest) -> None:
    if settings.PRIVACY != EXEMPT:
        raise NotThere("Page views are not counted here.")
    if request.method != "POST":
        error = RequestRejected(
            f"{request.method} is not allowed here; POST is.", code="method_not_allowed", status=405
        )
        error.headers["Allow"] = "POST"
        raise error
    if not from_this_site(request):
        raise RequestRejected(
            "Views are counted of pages of this site only.", code="foreign_origin", status=403
        )


def is_counted(request: HttpRequest, stated: Mapping[str, Any]) -> bool:
    """Return whether a view counts: nobody has answered or objects, and it is no program's."""
    if settings.CONSENT_COOKIE in request.COOKIES or objects(request.META):
        return False
    if not settings.FILTER_BOTS:
        return True
    automated = stated.get("automated") is True
    return not automated and not verdict_on_request(agent_of(request.headers, method="POST"))


def _stated(body: Any) -> Mapping[str, Any]:
    if not isinstance(body, dict):
        raise RequestRejected("The body is a JSON object.", code="invalid_body")
    return body


def _page(path: Any) -> str:
    """Return the path of a page. What follows it may name somebody and is left out."""
    if not isinstance(path, str) or not path.startswith("/"):
        raise RequestRejected("/path is needed: a text that begins with /.", code="invalid_path")
    try:
        refuse_poison(path)
    except EventRejected as error:
        raise RequestRejected(f"/path: {error}", code="invalid_path") from None
    return re.split("[?#;]", path, maxsplit=1)[0][:LONGEST]


def _referrer(host: Any, *, own: str) -> str:
    """Return the host that led here; empty: none did, or a page of this site."""
    text = host.lower() if isinstance(host, str) else ""
    return text if text != own.lower() and _HOST.fullmatch(text) else ""
