"""What is kept of a user agent: the kind of browser and its main version, as everybody has it.

Source: the Chromium project, “User-Agent Reduction”: minor versions are 0, and one system
stands for all of its versions and devices. What a program calls itself stays as it is: that
tells of nobody, and by it bots are known.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from personalization.conf import settings
from personalization.ingest.agents import MAX_LENGTH, program
from personalization.types import Json

REDUCED, NONE, FULL = "reduced", "none", "full"
#: Says “a browser” and nothing else.
A_BROWSER: Final = "Mozilla/5.0"

#: The first that fits; what stands for all devices and versions of the system.
_SYSTEMS: Final = tuple(
    (re.compile(words), said)
    for words, said in (
        (r"Windows Phone", "Windows Phone 10.0"),
        (r"Windows", "Windows NT 10.0; Win64; x64"),
        (r"Android", "Linux; Android 10; K"),
        (r"iPad", "iPad; CPU OS 18_0 like Mac OS X"),
        (r"iPhone|iPod", "iPhone; CPU iPhone OS 18_0 like Mac OS X"),
        (r"CrOS", "X11; CrOS x86_64 14541.0.0"),
        (r"Macintosh|Mac OS X", "Macintosh; Intel Mac OS X 10_15_7"),
        (r"Linux|X11", "X11; Linux x86_64"),
    )
)
#: Versions that say nothing: all browsers of a family have had the same for years.
_FROZEN: Final = frozenset({
    A_BROWSER, "AppleWebKit/537.36", "Safari/537.36", "AppleWebKit/605.1.15", "Safari/605.1.15",
    "Safari/604.1", "Gecko/20100101", "Mobile/15E148",
})  # fmt: skip
_LIKE: Final = "(KHTML, like Gecko)"
#: The names of products; anything else, such as an app's, may carry a number of the device.
_BROWSERS: Final = frozenset({
    "AppleWebKit", "Safari", "Gecko", "Version", "Chrome", "CriOS", "Firefox", "FxiOS", "Edg",
    "EdgA", "EdgiOS", "OPR", "Opera", "SamsungBrowser", "Vivaldi", "YaBrowser", "DuckDuckGo",
    "Mobile", "Tablet",
})  # fmt: skip
_PARTS: Final = re.compile(r"\(KHTML, like Gecko\)|\b[A-Za-z]+(?:/[\w.]+)?")
_COMMENT: Final = re.compile(r"\([^()]*\)?|\[[^\[\]]*\]?")
_MAIN: Final = re.compile(r"\d{1,3}(?=\.|$)")
_GECKO: Final = re.compile(r"\brv:(\d{1,3})\b")
#: Of the hints that browsers give besides, those that Chromium calls of low entropy.
_LOW: Final = frozenset({"brands", "mobile", "platform"})


def kept_agent(user_agent: str) -> str:
    """Return what the site keeps of a user agent; empty: nothing."""
    if settings.USER_AGENT == FULL or program(user_agent):
        return user_agent
    return "" if settings.USER_AGENT == NONE else reduced(user_agent)


def judged_agent(user_agent: str) -> str:
    """Return the same for what is judged anew later on: of a browser at least that it is one."""
    return kept_agent(user_agent) or (A_BROWSER if user_agent else "")


def kept_hints(hints: Any) -> Json:
    """Return what the site keeps of `navigator.userAgentData`; None: nothing."""
    if settings.USER_AGENT == FULL:
        kept: Json = hints
        return kept
    if settings.USER_AGENT == NONE or not isinstance(hints, Mapping):
        return None
    return {name: hints[name] for name in hints if name in _LOW}


@lru_cache(maxsize=4096)  # a site is visited with a few thousand different browsers
def reduced(user_agent: str) -> str:
    """Return a user agent without what tells devices apart."""
    text = user_agent[:MAX_LENGTH]
    comment = _first_comment(text)
    outside = _COMMENT.sub(lambda found: found[0] if found[0] == _LIKE else " ", text)
    products = [said for part in _PARTS.findall(outside) if (said := _product(part))]
    system = _system(comment)
    return " ".join([A_BROWSER, *([f"({system})"] if system else []), *products])


def _first_comment(text: str) -> str:
    found = _COMMENT.search(text)
    return found[0] if found and found[0] != _LIKE else ""


def _system(comment: str) -> str:
    said = next((said for words, said in _SYSTEMS if words.search(comment)), "")
    if not said:
        return ""
    forms = [form for form in ("Mobile", "Tablet") if re.search(rf"\b{form}\b", comment)]
    gecko = [f"rv:{found[1]}.0"] if (found := _GECKO.search(comment)) else []
    return "; ".join([said, *forms, *gecko])


def _product(part: str) -> str:
    """Return the name of a product with its main version; empty: it is none we know."""
    if part == _LIKE or (part in _FROZEN and part != A_BROWSER):
        return part
    name, _, version = part.partition("/")
    if name not in _BROWSERS:
        return ""
    if not version:
        return name
    main = _MAIN.match(version)
    if main is None:
        return name
    # As browsers write it by themselves: four numbers where Chromium is inside, else two.
    rest = ".0.0.0" if version.count(".") >= 3 else ".0"
    return f"{name}/{main[0]}{rest}"
