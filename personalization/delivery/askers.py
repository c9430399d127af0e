"""Who asks what is shown to whom, and how they are answered: the same for slots and lists."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.core.exceptions import SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse

from personalization.conf import settings
from personalization.events.models import Source
from personalization.exceptions import BodyRejected, Forbidden, RequestRejected, Unauthorized
from personalization.ingest import origins, throttle
from personalization.ingest.address import client_address
from personalization.ingest.authentication import authenticated_source
from personalization.profiles.identity import Key

RETRY_AFTER = "2"
#: An answer is for who asked, and is what it says that it is.
HEADERS = {"Cache-Control": "private, no-store", "X-Content-Type-Options": "nosniff"}
#: What is answered, and not a failure of ours.
REFUSED = (RequestRejected, OperationalError, InterfaceError, SuspiciousOperation)


@dataclass(frozen=True, kw_only=True)
class About:
    """Whom a request names, if anybody, and the key that it shows beside its headers."""

    who: Key | None = None
    write_key: Any = None


def refuse_other_methods(request: HttpRequest, *allowed: str) -> None:
    """Let the `allowed` methods pass.

    :raises RequestRejected: for any other.
    """
    if request.method not in allowed:
        listed = ", ".join(allowed)
        error = RequestRejected(
            f"{request.method} is not allowed here; {listed} is.",
            code="method_not_allowed",
            status=405,
        )
        error.headers["Allow"] = listed
        raise error


def asking(request: HttpRequest, about: About, *, now: datetime) -> Source | None:
    """Return the source that asks; None is the browser of a visitor of this very site.

    The Authorization header of such a browser may belong to the password in front of a
    staging site; so no good key is none at all there.

    :raises Unauthorized: with a key that nobody has, from elsewhere.
    :raises Forbidden: from a page of a site that the source does not list.
    :raises TooMany: too soon after others, of its source or address.
    """
    address, source = client_address(request), None
    try:
        source = authenticated_source(request, (about.write_key,), now=now)
        origins.admit(request, source)
    except Unauthorized:
        throttle.admit(request, None, address, now=now)
        origins.admit_own(request)
        if about.who or not origins.says_own(request) and _shows_key(request, about):
            raise
    else:
        throttle.admit(request, source, address, now=now)
    return source


def refuse_others(request: HttpRequest, about: About, source: Source | None) -> None:
    """Let nobody but the site's servers ask about somebody else, and have them say about whom.

    :raises Forbidden: when a browser asks.
    """
    if source is not None and source.is_server:
        if about.who is None and settings.VISITOR_COOKIE not in request.COOKIES:
            raise BodyRejected(
                "anonymousId or userId is needed, or the cookie of the visitor.",
                code="missing_ids",
                pointer="",
            )
    elif about.who is not None:
        raise Forbidden(
            "The key of a browser source can be read in every page, so it tells of nobody but "
            "the visitor of the cookie. This takes one of a server source.",
            code="server_key_needed",
        )


def rejected(error: Exception) -> RequestRejected:
    """Return how one of `REFUSED` is answered."""
    if isinstance(error, RequestRejected):
        return error
    if isinstance(error, SuspiciousOperation):  # such as a query of thousands of fields
        return RequestRejected(str(error))
    found = RequestRejected(
        "The database cannot be reached; try again.", code="unavailable", status=503
    )
    found.headers["Retry-After"] = RETRY_AFTER
    return found


def refusal(error: Exception) -> HttpResponse:
    """Return the answer to a request that is refused, as JSON."""
    found = rejected(error)
    said = {"code": found.code, "message": str(found)}
    if isinstance(found, BodyRejected):
        said["pointer"] = found.pointer
    return json_answer(said, status=found.status, headers=found.headers)


def json_answer(
    said: Mapping[str, Any], *, status: int = 200, headers: Mapping[str, str] | None = None
) -> HttpResponse:
    text = json.dumps(said, ensure_ascii=False, separators=(",", ":"))
    return HttpResponse(
        text.encode(errors="replace"),  # what is repeated from a request may be half a letter
        status=status,
        content_type="application/json",
        headers={**(headers or {}), **HEADERS},
    )


def _shows_key(request: HttpRequest, about: About) -> bool:
    return about.write_key is not None or "HTTP_AUTHORIZATION" in request.META
