"""The properties of PostHog's events: the site's own, and what its library adds to each.

Names that begin with `$` are the library's. Those that describe the page, the device and
the library become the context; what serves PostHog's own bookkeeping is left out; what
remains, such as the web vitals of a `$web_vitals` event, stays a property.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from personalization.ingest.pages import context_of as context_on
from personalization.ingest.pages import page_of
from personalization.ingest.reading import object_of, text_of
from personalization.types import JsonObject

_DIRECT = "$direct"  # what the library says for “no referrer”
_CAMPAIGN = {
    "utm_source": "source", "utm_medium": "medium", "utm_campaign": "name",
    "utm_term": "term", "utm_content": "content",
}  # fmt: skip
_CONTEXT = {
    "$raw_user_agent": "userAgent", "$browser_language": "locale", "$timezone": "timezone",
    "$session_id": "sessionId", "$groups": "groups",
}  # fmt: skip
_BOOKKEEPING = frozenset({
    "api_key", "distinct_id", "token", "$active_feature_flags", "$anon_distinct_id", "$browser",
    "$browser_language_prefix", "$browser_type", "$browser_version", "$ce_version",
    "$config_defaults", "$configured_session_timeout_ms", "$current_url", "$device_id",
    "$device_type", "$feature_flag_payloads", "$geoip_disable", "$group_key", "$group_set",
    "$group_type", "$host", "$ignore_sent_at", "$initialization_time", "$insert_id", "$ip",
    "$is_identified", "$is_server", "$lib", "$lib_custom_api_host",
    "$lib_rate_limit_remaining_tokens", "$lib_version", "$os", "$os_distro", "$os_version",
    "$pageview_id", "$pathname", "$process_person_profile", "$python_runtime", "$python_version",
    "$recording_status", "$referrer", "$referring_domain", "$screen_height", "$screen_name",
    "$screen_width", "$set", "$set_once", "$time", "$timezone_offset", "$user_id",
    "$viewport_height", "$viewport_width", "$window_id",
})  # fmt: skip
_BOOKKEEPING_PREFIXES = ("$sdk_", "$session_entry_", "$initial_")
_BOOKKEEPING_SUFFIX = "_server_side"
#: Of the page before: said of every event, of use where that page is left.
_PAGE_BEFORE = "$prev_pageview_"
#: Of an element that was clicked on, under the name that our own tracker gives it.
_OWN = {"$el_text": "text"}


def own_properties(properties: Mapping[str, Any], *, of: str) -> JsonObject:
    """Return the properties that the site stated; null says nothing and is left out.

    `of` is the name of the event.
    """
    return {
        _OWN.get(name, name): value
        for name, value in properties.items()
        if value is not None
        and not _is_elsewhere(name)
        and (of == "$pageleave" or not name.startswith(_PAGE_BEFORE))
    }


def _is_elsewhere(name: str) -> bool:
    return (
        name in _BOOKKEEPING
        or name in _CONTEXT
        or name in _CAMPAIGN
        or name.startswith(_BOOKKEEPING_PREFIXES)
        or (name.startswith("$") and name.endswith(_BOOKKEEPING_SUFFIX))
    )


def context_of(event: Mapping[str, Any], properties: Mapping[str, Any]) -> JsonObject:
    """Return the context of an event: page, campaign, library, device and group."""
    referrer = properties.get("$referrer")
    page = page_of(
        properties.get("$current_url"),
        referrer=None if referrer == _DIRECT else referrer,
    )
    device = {name: properties.get(said) for said, name in _CONTEXT.items()}
    stated = context_on(page, **device, library=_library(properties), screen=_screen(properties))
    once = {**_once(properties), **_once(event)}
    campaign = _campaign(properties)
    more = {"setOnce": once, "campaign": campaign}
    return {**stated, **{name: value for name, value in more.items() if value}}


def _library(properties: Mapping[str, Any]) -> JsonObject:
    names = {"name": properties.get("$lib"), "version": properties.get("$lib_version")}
    return {name: value for name, value in names.items() if text_of(value)}


def _screen(properties: Mapping[str, Any]) -> JsonObject:
    sizes = {"width": properties.get("$screen_width"), "height": properties.get("$screen_height")}
    return {name: value for name, value in sizes.items() if value is not None}


def _campaign(properties: Mapping[str, Any]) -> JsonObject:
    return {
        name: properties[said] for said, name in _CAMPAIGN.items() if text_of(properties.get(said))
    }


def _once(said: Mapping[str, Any]) -> JsonObject:
    """Return what is to be kept of a person only the first time.

    A trait is what was said last; this is kept with the event instead of being one.
    """
    once = object_of(said.get("$set_once"), "/$set_once")
    return {
        name: value
        for name, value in once.items()
        if value is not None and not name.startswith("$")
    }
