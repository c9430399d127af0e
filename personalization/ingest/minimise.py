"""What of a call goes no further than the door: addresses, and how exactly browsers are named."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from personalization.ingest.reduce import kept_agent, kept_hints
from personalization.types import Json

#: The names under which clients and servers put the address of a visitor.
ADDRESSES: Final = frozenset({
    "ip", "$ip", "ipAddress", "ip_address", "requestIp", "request_ip", "requestIP", "clientIp",
    "client_ip", "clientIP", "userIp", "user_ip", "remoteAddr", "remote_addr", "remoteIp",
    "remote_ip", "ipOverride", "ip_override", "ipv4", "ipv6", "x-forwarded-for",
    "X-Forwarded-For",
})  # fmt: skip
#: And those of user agents, and of what browsers say besides.
AGENTS: Final = frozenset({"userAgent", "user_agent", "$user_agent", "$raw_user_agent"})
HINTS: Final = frozenset({"userAgentData", "user_agent_data"})


def kept_context(context: Mapping[str, Any], *, but: frozenset[str] = ADDRESSES) -> dict[str, Any]:
    """Return what may be kept of the context of an event.

    Addresses are left out one level down, too, where protocols have them (`device.ip`).
    `but` are all names that are left out.
    """
    kept = {}
    for name, value in context.items():
        if name in but:
            continue
        if name in AGENTS:
            value = _agent(value)
        elif name in HINTS:
            value = kept_hints(value)
        elif type(value) is dict:  # nearly always one without an address
            kept[name] = value if ADDRESSES.isdisjoint(value) else _without_address(value)
            continue
        if value is not None or name not in _OF_BROWSER:
            kept[name] = value
    return kept


_OF_BROWSER: Final = AGENTS | HINTS


def _agent(value: Any) -> Json:
    return (kept_agent(value) or None) if isinstance(value, str) else None


def _without_address(value: Mapping[str, Any]) -> dict[str, Any]:
    return {name: stated for name, stated in value.items() if name not in ADDRESSES}
