"""What the paths of visitors are made of: the name of an event, or the type of a page.

A type is the `category` that the page states (`page:shoes`), else the first part of its path
(`/products`; behind a language, the first two: `/en/products`). Everything else of an address
is too particular to repeat, and may name somebody.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from django.conf.locale import LANG_INFO

from personalization.events.catalogue import SLOT_SHOWN
from personalization.rules.need import ANY
from personalization.types import Json

PAGE = "Page Viewed"
#: Events that say how something was looked at and not where somebody went.
NO_STEPS: Final = frozenset({
    "Scroll Depth Reached", "Engaged", "Element Hovered", "Section Viewed", SLOT_SHOWN,
})  # fmt: skip
#: What a symbol of a page begins with that its category or its path gave.
BY_CATEGORY, BY_PATH = "page:", "/"
#: What stands between the steps of a path in writing; no step has it in its name.
THEN: Final = " > "
#: A longer name or part of a path is no type of anything.
LONGEST: Final = 60


def symbol_of(kind: str, name: str, properties: Mapping[str, Json]) -> str:
    """Return what stands in paths for an event of this kind (`Event.Type`) and name; empty: it
    is no step."""
    symbol = _symbol_of(kind, name, properties)
    return "" if THEN in symbol else symbol


def _symbol_of(kind: str, name: str, properties: Mapping[str, Json]) -> str:
    if kind not in {"track", "page", "screen"} or name in NO_STEPS or len(name) > LONGEST:
        return ""
    if name == ANY:  # in rules it stands for every event
        return ""
    if name != PAGE:
        return "" if name.startswith((BY_CATEGORY, BY_PATH)) else name
    category = properties.get("category")
    if isinstance(category, str) and category:
        return f"{BY_CATEGORY}{category}" if len(category) <= LONGEST else ""
    if (path := properties.get("path")) is None:
        return PAGE
    return _type_of_path(path) if isinstance(path, str) else ""


def _type_of_path(path: str) -> str:
    if not path.startswith("/"):
        return ""
    parts = path.split("/")[1:]
    # “/en/” is a page itself, “/en/products/” one of the products.
    kept = parts[:1]
    if parts[0].lower() in LANG_INFO and len(parts) > 1 and parts != [parts[0], ""]:
        kept = parts[:2]
    if not all(kept) and len(parts) > 1:
        return ""
    return "/" + "/".join(kept) if all(len(part) <= LONGEST for part in kept) else ""
