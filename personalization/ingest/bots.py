"""Which browser traffic no visitor stands behind, and which of it nobody looked at.

Rules over what a request and an event say of themselves. They cost nobody anything:
what they stop is set aside and can be let in again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from personalization.ingest import agents
from personalization.types import JsonObject

_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})

#: Verdicts on programs.
BOTS: Final[Mapping[str, str]] = {
    "no_user_agent": "The request names no browser.",
    "crawler": "The user agent is that of a crawler.",
    "library": "The user agent is that of a program, not of a browser.",
    "headless": "The user agent is that of a browser without a window.",
    "automated": "The tracker found that a program drives the browser.",
}
#: Verdicts on what nobody looked at. There is nothing about it to let in again.
NO_VIEWS: Final[Mapping[str, str]] = {
    "prefetch": "The browser fetched the page before anybody asked for it.",
    "head_request": "A HEAD request shows nothing to anybody.",
    "page_not_found": "There was no such page, so it was not viewed.",
}
_BY_PROGRAM: Final = {
    "none": "no_user_agent", "crawler": "crawler", "library": "library", "headless": "headless",
}  # fmt: skip
#: Headers with which browsers say that they fetch ahead. Sec-Purpose is the standard one;
#: the others are those of older Chrome, Safari and Firefox.
PURPOSES: Final = ("Sec-Purpose", "Purpose", "X-Purpose", "X-Moz")
_AHEAD: Final = ("prefetch", "prerender", "preview")
_LONGEST: Final = 100
_NOT_FOUND: Final = frozenset({404, 410, "404", "410"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """What a request says of the program that sent it; `headers` are those in `PURPOSES`."""

    user_agent: str = ""
    headers: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    method: str = "POST"

    def to_json(self) -> JsonObject:
        return {
            "user_agent": self.user_agent, "headers": dict(self.headers), "method": self.method,
        }  # fmt: skip


def agent_of(headers: Mapping[str, str], *, method: str) -> Agent:
    """Return what the headers of a request say, shortened to what is looked at."""
    purposes = {name: headers[name][:_LONGEST] for name in PURPOSES if name in headers}
    user_agent = headers.get("User-Agent", "")[: agents.MAX_LENGTH]
    return Agent(user_agent=user_agent, headers=purposes, method=method)


def verdict(
    user_agent: str,
    *,
    headers: Mapping[str, str] = _NOTHING,
    context: Mapping[str, Any] = _NOTHING,
    properties: Mapping[str, Any] = _NOTHING,
    method: str = "",
    is_view: bool = True,
) -> str:
    """Return why an event is no visitor's, a key of `BOTS` or `NO_VIEWS`; empty: it may be."""
    agent = Agent(user_agent=user_agent, headers=headers, method=method)
    return verdict_on_request(agent) or verdict_on_event(
        context, properties=properties, is_view=is_view
    )


def verdict_on_request(agent: Agent) -> str:
    """Return the verdict on all events of a request."""
    if agent.method == "HEAD":
        return "head_request"
    if any(word in agent.headers.get(name, "").lower() for name in PURPOSES for word in _AHEAD):
        return "prefetch"
    return _BY_PROGRAM.get(agents.program(agent.user_agent), "")


def verdict_on_event(
    context: Mapping[str, Any], *, properties: Mapping[str, Any] = _NOTHING, is_view: bool = True
) -> str:
    """Return the verdict on one event, by what it says of itself."""
    if context.get("automated") is True:
        return "automated"
    stated = context.get("userAgent")
    if isinstance(stated, str) and stated and (kind := agents.program(stated)):
        # A program that borrows the name of a browser for its requests, and not inside.
        return _BY_PROGRAM[kind]
    return "page_not_found" if is_view and _was_missing(context, properties) else ""


def _was_missing(context: Mapping[str, Any], properties: Mapping[str, Any]) -> bool:
    page = context.get("page")
    places = (properties, context, page if isinstance(page, Mapping) else _NOTHING)
    # A status may be anything a client sends; only texts and numbers can be looked up.
    return any(
        isinstance(status := place.get("status"), str | int) and status in _NOT_FOUND
        for place in places
    )


def sentence(reason: str) -> str:
    """Return what a verdict means."""
    return BOTS.get(reason) or NO_VIEWS[reason]
