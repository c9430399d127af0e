"""Events as features look at them: what was done, where, with which device."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from personalization.ml.item_events import key_of
from personalization.ml.symbols import symbol_of
from personalization.profiles import features
from personalization.rules.occurrence import Occurrence
from personalization.types import Json, JsonObject, Microseconds

DEVICES: Final = ("desktop", "mobile", "tablet")
SOURCES: Final = ("direct", "search", "social", "email", "paid", "campaign", "referral")
_TABLET = re.compile(r"iPad|Tablet|Kindle|Silk/|PlayBook|Android(?!.*Mobi)")
_PHONE = re.compile(r"Mobi|iPhone|iPod")
_SEARCH = re.compile(r"(^|\.)(google|bing|duckduckgo|yahoo|ecosia|baidu|yandex|qwant|startpage)\.")
_SOCIAL = re.compile(
    r"(^|\.)(facebook|instagram|twitter|x|t|linkedin|lnkd|pinterest|reddit|tiktok|youtube|"
    r"mastodon|bsky|threads)\.(com|co|in|net|social|app)$"
)
_EMAIL = frozenset({"email", "e-mail", "mail", "newsletter"})
_PAID = frozenset({"cpc", "ppc", "cpm", "paid", "paidsearch", "paid-social", "display", "banner"})


class Deed(NamedTuple):
    """One event. Compared field by field: events that are told apart have an order."""

    at: Microseconds
    message_id: str
    name: str
    #: What paths are made of (symbols.py); empty: no step of any.
    symbol: str = ""
    #: Path of the page, and product: to tell how many different ones there were.
    path: str = ""
    product: str = ""
    #: One of `DEVICES` and `SOURCES`; empty: the event does not say.
    device: str = ""
    source: str = ""
    #: How far down the page it was scrolled, in percent.
    percent: int = 0
    #: What a slot showed, empty for its default; and which showing of it that was.
    variation: str = ""
    decision: str = ""
    #: Name of a feature that profiles count → what the event adds to its sum.
    counted: tuple[tuple[str, int], ...] = ()
    #: Number of the identity whose event it is.
    identity: int = 0


def deed_of(occurrence: Occurrence, context: JsonObject, *, identity: int = 0) -> Deed:
    """Return what features look at of an event of an identity that came with `context`."""
    sums: dict[str, int] = {}
    features.add(sums, occurrence, weights={})
    properties = occurrence.properties
    return Deed(
        at=occurrence.at,
        message_id=occurrence.message_id,
        name=occurrence.name,
        symbol=symbol_of(occurrence.type, occurrence.name, properties),
        path=_text(properties.get("path")),
        product=key_of(properties.get("product_id")) or key_of(properties.get("sku")) or "",
        device=device_of(context),
        source=source_of(context),
        percent=_percent(properties.get("percent")),
        variation=_text(properties.get("variation")),
        decision=_text(properties.get("decision_id")),
        counted=tuple(sorted(sums.items())),
        identity=identity,
    )


def device_of(context: JsonObject) -> str:
    """Return the class of device that a context says, by its word, hints or user agent."""
    stated = _text(_mapping(context.get("device")).get("type")).lower()
    if stated in DEVICES:
        return stated
    found = _device_of_agent(_text(context.get("userAgent")))
    if found != "tablet" and _mapping(context.get("userAgentData")).get("mobile") is True:
        return "mobile"
    return found


@lru_cache(maxsize=4096)  # a site is visited with a few thousand different browsers
def _device_of_agent(agent: str) -> str:
    if _TABLET.search(agent):
        return "tablet"
    if _PHONE.search(agent):
        return "mobile"
    return "desktop" if agent else ""


def source_of(context: JsonObject) -> str:
    """Return what led to the page that a context is of; empty if it tells of no page.

    A page of the site itself led nowhere: that is “direct” as well.
    """
    campaign, page = _mapping(context.get("campaign")), _mapping(context.get("page"))
    medium = _text(campaign.get("medium")).lower()
    if medium in _EMAIL:
        return "email"
    if medium in _PAID:
        return "paid"
    if medium or campaign.get("source") or campaign.get("name"):
        return "campaign"
    if not page:
        return ""
    host = _host(page.get("referrer"))
    if not host or host == _host(page.get("url")):
        return "direct"
    return _source_of_host(host)


@lru_cache(maxsize=4096)
def _source_of_host(host: str) -> str:
    if _SEARCH.search(host):
        return "search"
    return "social" if _SOCIAL.search(host) else "referral"


def _host(url: Json) -> str:
    return _host_of(url) if isinstance(url, str) and url else ""


@lru_cache(maxsize=4096)
def _host_of(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:  # an address that is none
        return ""


def _mapping(value: Json) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _text(value: Json) -> str:
    return value if isinstance(value, str) else ""


def _percent(value: Json) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 100:
        return 0
    return round(value)
