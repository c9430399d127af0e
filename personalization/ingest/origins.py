"""Which sites' pages may send, and what their browsers are told (CORS).

A browser names the site of a page in the Origin header, and no page can change it.
Sources for browsers list the origins that may use them; the site itself always may. For
sources of servers Origin means nothing: they have a secret instead, and nothing in our
answers lets a page of another site read them.

Source: the Fetch standard, https://fetch.spec.whatwg.org/#http-cors-protocol
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.core.exceptions import DisallowedHost
from django.db import InterfaceError, OperationalError
from django.db.models.signals import post_delete, post_save
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from personalization.events.models import Source
from personalization.exceptions import Forbidden
from personalization.ingest.allowed_origins import allowed_origins, matches, read_origin

#: How long the origins of all sources are believed to be what they were.
FRESH = timedelta(seconds=5)
#: How long a browser need not ask again.
MAX_AGE = 7200
#: What clients of our protocols add to their requests from other sites.
_HEADERS = frozenset((
    "anonymousid",
    "authorization",
    "content-encoding",
    "content-type",
    "prefer",
    "sentat",
    "x-retry-count",
    "x-umami-cache",
    "x-write-key",
))  # fmt: skip
_PREFIXES = ("ce-", "x-personalization-")
#: What their scripts may read of our answers.
_EXPOSED = "Preference-Applied, Retry-After, X-Plausible-Dropped, X-RateLimit-Reset"


def admit(request: HttpRequest, source: Source) -> None:
    """Let a request pass that a page may send, or that no page has sent.

    :raises Forbidden: `origin_not_allowed`, for a page of a site that `source` does not list.
    """
    origin = _origin(request)
    if source.is_server or not origin or _is_own(request, origin):
        return
    if not matches(origin, allowed_origins(source.allowed_origins)):
        raise _refusal(origin)


def admit_own(request: HttpRequest) -> None:
    """Let a request without a key pass that a page of this site may send, or that no page has sent.

    :raises Forbidden: `origin_not_allowed`, for a page of another site.
    """
    origin = _origin(request)
    if origin and not _is_own(request, origin):
        raise Forbidden(
            f"Pages of {origin[:200]} may ask with the write key of a browser source that lists "
            "them under allowed origins.",
            code="origin_not_allowed",
        )


def says_own(request: HttpRequest) -> bool:
    """Return whether a browser says that a page of this site sent the request."""
    origin = _origin(request)
    return bool(origin) and _is_own(request, origin)


def preflight(request: HttpRequest) -> HttpResponse:
    """Answer what a browser asks before it sends for a page of another site.

    It does not say the key yet, so any active source that lists the origin will do; the
    request itself is then judged by its own.

    :raises Forbidden: `origin_not_allowed`.
    """
    origin = _origin(request)
    if origin and not _is_known(request, origin):
        raise _refusal(origin)
    answer = HttpResponse(status=204, headers={"Vary": "Origin"})
    if origin:
        answer["Access-Control-Allow-Origin"] = origin
        answer["Access-Control-Allow-Credentials"] = "true"
        answer["Access-Control-Allow-Methods"] = "GET, POST"
        answer["Access-Control-Allow-Headers"] = ", ".join(_asked_headers(request))
        answer["Access-Control-Max-Age"] = str(MAX_AGE)
    return answer


def headers(request: HttpRequest, source: Source | None) -> dict[str, str]:
    """Return what lets a page read the answer, errors too; `source` is None while unknown.

    Without it a page sees no more of an error than of a broken line, and sends for ever.
    """
    origin = _origin(request)
    if not origin or not _may_read(request, origin, source):
        return {"Vary": "Origin"}
    return {
        "Vary": "Origin",
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Allow-Credentials": "true",
        "Access-Control-Expose-Headers": _EXPOSED,
    }


def _origin(request: HttpRequest) -> str:
    return str(request.META.get("HTTP_ORIGIN", ""))


def _refusal(origin: str) -> Forbidden:
    return Forbidden(
        f"Pages of {origin[:200]} may not send here; list it at the source under allowed origins.",
        code="origin_not_allowed",
    )


def _may_read(request: HttpRequest, origin: str, source: Source | None) -> bool:
    if source is None:
        return _is_known(request, origin)
    if source.is_server:
        return False
    return _is_own(request, origin) or matches(origin, allowed_origins(source.allowed_origins))


def _is_own(request: HttpRequest, origin: str) -> bool:
    """Return whether a page of this site sent the request.

    Browsers say it themselves, also behind a proxy that ends TLS without telling us. Older
    ones do not: there the origin must be what the request says of itself.
    """
    stated = request.META.get("HTTP_SEC_FETCH_SITE")
    if stated is not None:
        return bool(stated == "same-origin")
    try:
        return read_origin(origin) == read_origin(f"{request.scheme}://{request.get_host()}")
    except (DisallowedHost, ValueError):
        return False


def _is_known(request: HttpRequest, origin: str) -> bool:
    return _is_own(request, origin) or matches(origin, _of_all_sources(now=timezone.now()))


def _asked_headers(request: HttpRequest) -> list[str]:
    stated = request.META.get("HTTP_ACCESS_CONTROL_REQUEST_HEADERS", "")
    names = {name.strip().lower() for name in stated[:2000].split(",")}
    return sorted(name for name in names if _is_header(name))


def _is_header(name: str) -> bool:
    is_token = name.isascii() and name.replace("-", "").isalnum()
    return is_token and (name in _HEADERS or name.startswith(_PREFIXES))


@dataclass(frozen=True)
class _Read:
    """The origins of all active sources for browsers, at one time."""

    at: datetime
    origins: frozenset[str]


_read: _Read | None = None


def _of_all_sources(*, now: datetime) -> frozenset[str]:
    """Return the origins that any source allows; what was known last while the database is away."""
    global _read
    known = _read
    if known is not None and timedelta(0) <= now - known.at < FRESH:
        return known.origins
    try:
        _read = _Read(now, frozenset().union(*map(allowed_origins, _texts())))
    except (OperationalError, InterfaceError):
        return known.origins if known else frozenset()
    return _read.origins


def _texts() -> Iterable[str]:
    sources = Source.objects.filter(active=True, kind=Source.Kind.BROWSER)
    return sources.exclude(allowed_origins="").values_list("allowed_origins", flat=True)


def forget(**kwargs: object) -> None:
    """Read the sources anew with the next preflight."""
    global _read
    _read = None


post_save.connect(forget, sender=Source, dispatch_uid="personalization.origins")
post_delete.connect(forget, sender=Source, dispatch_uid="personalization.origins")
