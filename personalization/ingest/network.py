"""From where and with what somebody visits, only as far as it can suggest who it may be.

Nothing of it is kept unless `PERSONALIZATION_IDENTITY_SUGGESTIONS` is on, and then no
address: the part of it that a household or an office shares, and the kind of browser.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from typing import Any

from personalization.ingest.address import read_address
from personalization.types import Json

PREFIX, AGENT = "prefix", "agent"
#: What is left of an address, in bits.
_BITS = {4: 24, 6: 48}
#: The first that fits: most browsers also name those they are like.
_BROWSERS = {
    "Edge": r"Edg(?:e|A|iOS)?/", "Opera": r"OPR/|Opera", "Samsung Internet": r"SamsungBrowser/",
    "Firefox": r"Firefox/|FxiOS/", "Chrome": r"Chrome/|CriOS/", "Safari": r"Safari/",
}  # fmt: skip
_SYSTEMS = {
    "Windows": r"Windows", "Android": r"Android", "iOS": r"iPhone|iPad|iPod", "ChromeOS": r"CrOS",
    "macOS": r"Mac OS X|Macintosh", "Linux": r"Linux",
}  # fmt: skip
_LONGEST = 512


def network(address: Any, user_agent: Any) -> dict[str, Json]:
    """Return what is kept of the address and the user agent of a visitor."""
    facts = {PREFIX: prefix(str(address or "")), AGENT: family(str(user_agent or ""))}
    return {name: value for name, value in facts.items() if value}


def stated_network(context: Mapping[str, Any]) -> dict[str, Json]:
    """Return the same of what a server states of its visitor, where the Segment spec has it."""
    return network(context.get("ip"), context.get("userAgent"))


def with_network(context: Mapping[str, Json], ours: Mapping[str, Json]) -> dict[str, Json]:
    """Return `context` with what we know of the network; nobody else says that."""
    stated = context.get("network")
    facts = stated.items() if isinstance(stated, Mapping) else ()
    kept = {name: value for name, value in facts if name not in (PREFIX, AGENT)}
    others = {name: value for name, value in context.items() if name != "network"}
    return {**others, "network": {**kept, **ours}} if kept or ours else others


def prefix(address: str) -> str:
    """Return the network of a public address, "" for any other."""
    known = read_address(address[:_LONGEST])
    if known is None or not known.is_global:
        return ""
    return str(ipaddress.ip_network(f"{known}/{_BITS[known.version]}", strict=False))


def family(user_agent: str) -> str:
    """Return the kind of browser, as in “Firefox on Windows”; "" for what is none we know."""
    text = user_agent[:_LONGEST]
    browser, system = (
        next((name for name, words in kinds.items() if re.search(words, text)), "")
        for kinds in (_BROWSERS, _SYSTEMS)
    )
    return f"{browser} on {system}" if browser and system else ""
