"""The script element of the tracker, and what it tells the tracker about the site."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, Final, Literal, TypeAlias, get_args

from django.apps import apps
from django.conf import settings as django_settings
from django.contrib.staticfiles.storage import HashedFilesMixin, staticfiles_storage
from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from personalization.conf import settings
from personalization.delivery.user import page_token
from personalization.delivery.visitor import visitor_of
from personalization.types import EXEMPT

CORE, MORE = "personalization/tracker.js", "personalization/tracker-more.js"
AUDIENCE = "personalization/audience.js"

#: What may be exchanged with other tools: events and answers by `dataLayer`, and TC strings.
Exchange: TypeAlias = Literal["in", "out", "consent", "tcf"]
EXCHANGES: Final[tuple[Exchange, ...]] = get_args(Exchange)
NOTHING: Final = SafeString("")


def tracker_script(
    request: HttpRequest | None,
    *,
    nonce_attribute: SafeString = NOTHING,
    bridge: str = "",
    signals: str = "",
) -> SafeString:
    """Return the element: the same for every visitor but those who are logged in.

    Where page views are counted without a person, what counts them comes before it.

    `nonce_attribute` is the whole attribute, or nothing. `bridge` names what to exchange with
    `dataLayer`, `signals` is empty or `ignore`.

    :raises ValueError: when one of the two is something else.
    """
    _refuse_unknown(bridge, signals)
    return format_html(
        '{}<script id="personalization-tracker" src="{}" defer{}{}></script>',
        _audience_script(request, nonce_attribute=nonce_attribute),
        static(CORE),
        nonce_attribute,
        format_html_join("", ' {}="{}"', _attributes(request, bridge=bridge, signals=signals)),
    )


def _audience_script(request: HttpRequest | None, *, nonce_attribute: SafeString) -> SafeString:
    """Return what counts the views of those who did not answer, where the site does that."""
    cookie = _consent_cookie(request)
    if settings.PRIVACY != EXEMPT or not cookie:
        return NOTHING
    attributes = [
        ("data-endpoint", reverse("personalization:audience")),
        ("data-consent-cookie", cookie),
        ("data-signals", settings.SIGNALS),
    ]
    if integrity := integrity_of(AUDIENCE):
        attributes.append(("integrity", integrity))
    return format_html(
        '<script src="{}" defer{}{}></script>',
        static(AUDIENCE),
        nonce_attribute,
        format_html_join("", ' {}="{}"', attributes),
    )


def _attributes(
    request: HttpRequest | None, *, bridge: str, signals: str
) -> Iterator[tuple[str, str]]:
    if integrity := integrity_of(CORE):
        yield "integrity", integrity
    yield "data-endpoint", reverse("personalization:segment-batch")
    yield "data-manifest", reverse("personalization:manifest")
    yield "data-key", settings.TRACKER_KEY
    yield "data-consent-cookie", _consent_cookie(request)
    yield "data-policy", settings.POLICY_VERSION
    yield "data-more", static(MORE)
    if integrity := integrity_of(MORE):
        yield "data-more-integrity", integrity
    if bridge:
        yield "data-bridge", bridge
    if {"consent", "tcf"}.intersection(bridge.split()):
        yield "data-consent", reverse("personalization:consent")
    if signals or settings.SIGNALS == "ignore":
        yield "data-signals", "ignore"
    if token := page_token(request):
        yield "data-user", token


def _consent_cookie(request: HttpRequest | None) -> str:
    """Return where the answer is read; nowhere while staff look at the page as somebody else,
    for then nothing may be sent."""
    visitor = visitor_of(request)
    return "" if visitor is not None and visitor.preview is not None else settings.CONSENT_COOKIE


def _refuse_unknown(bridge: str, signals: str) -> None:
    for word in bridge.split():
        if word not in EXCHANGES:
            raise ValueError(f"bridge is {bridge!r}; allowed are {', '.join(EXCHANGES)}.")
    if signals not in ("", "ignore"):
        raise ValueError(f"signals is {signals!r}; allowed is 'ignore'.")


def integrity_of(name: str) -> str:
    """Return what the content of a static file must hash to (SRI); empty: not known for sure.

    Only where the name of the file changes with its content, and on the site itself: a copy
    that a cache still has under the same name would be refused, and so would one of a host
    that does not allow pages of others to look at it.
    """
    if not apps.is_installed("django.contrib.staticfiles") or django_settings.DEBUG:
        return ""
    url = static(name)
    storage: Any = staticfiles_storage  # which of them it is, its stubs do not know
    is_ours = url.startswith("/") and not url.startswith("//")
    if not is_ours or not isinstance(storage, HashedFilesMixin):
        return ""
    return _hash_of(storage.stored_name(name))


@lru_cache(maxsize=16)
def _hash_of(stored: str) -> str:
    try:
        with staticfiles_storage.open(stored) as file:
            digest = hashlib.sha384(file.read()).digest()
    except OSError:  # served from elsewhere
        return ""
    return f"sha384-{base64.b64encode(digest).decode()}"
