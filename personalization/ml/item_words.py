"""What is said of an item, made fit for the catalogue: bounded, and safe to show to others."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final
from urllib.parse import urlsplit

from django.utils.html import strip_tags

from personalization.ml.item_events import ENGAGED, key_of, number
from personalization.types import Json

MAX_KIND: Final = 50
MAX_TITLE: Final = 300
MAX_CATEGORY: Final = 200
MAX_ADDRESS: Final = 2000
MAX_TAG, MAX_TAGS = 100, 20
#: Characters of keywords and body that are learned from.
MAX_TEXT: Final = 20_000
_MOST_MONEY: Final = 1e11
_CENT: Final = Decimal("0.01")

#: First words of event names that are no kinds of items themselves.
_KINDS: Final = {"Wishlist": "product", "Order": "product", ENGAGED: ""}
#: Other properties that rules for recommendations may look at.
_ATTRIBUTES: Final = ("brand", "variant", "currency")


@dataclass(frozen=True, kw_only=True)
class Words:
    """What is known of an item. Empty, or None, is what nobody said."""

    title: str = ""
    url: str = ""
    image: str = ""
    category: str = ""
    tags: tuple[str, ...] = ()
    text: str = ""
    price: Decimal | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)

    def said(self) -> dict[str, Any]:
        """Return the fields of which something is said."""
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        return {name: value for name, value in values.items() if value not in ("", (), {}, None)}


def words_of(said: Mapping[str, Json], *, page: Json = None, trusted: bool = True) -> Words:
    """Return what an event says of its item; `page` is the path of the page it is viewed on.

    What anybody's browser may have sent (not `trusted`) leads others nowhere but to this site:
    of addresses only the path counts, and pictures are those of this site.
    """
    address = address_of if trusted else path_of
    return Words(
        title=line_of(said.get("name") or said.get("title"), MAX_TITLE),
        url=address(said.get("url")) or path_of(page),
        image=address(said.get("image_url") or said.get("image")),
        category=line_of(said.get("category"), MAX_CATEGORY),
        tags=tags_of(said.get("tags") or said.get("keywords")),
        price=price_of(said.get("price")),
        attributes={
            name: text for name in _ATTRIBUTES if (text := line_of(said.get(name), MAX_TAG))
        },
    )


def kind_of(event: str) -> str:
    """Return the kind of item that an event is about: the first word of its name."""
    first = event.partition(" ")[0]
    return _KINDS.get(first, first.lower())[:MAX_KIND]


def line_of(value: Any, longest: int) -> str:
    """Return a text as one line of at most so many characters; a number as its digits."""
    if not isinstance(value, str):
        value = key_of(value) or ""
    # First cut, so that nobody has a megabyte split into words.
    return " ".join(_printable(value[: 4 * longest]).split())[:longest].strip()


def text_of(value: Any) -> str:
    """Return plain text, tags of HTML left out."""
    if not isinstance(value, str):
        return ""
    return line_of(strip_tags(value[: 4 * MAX_TEXT]), MAX_TEXT)


def tags_of(value: Any) -> tuple[str, ...]:
    """Return tags from a list of texts, or a text with commas; each once, in their order."""
    if isinstance(value, str):
        value = value[: 2 * MAX_TAG * MAX_TAGS].split(",")
    if not isinstance(value, Iterable) or isinstance(value, Mapping | bytes):
        return ()
    found: dict[str, None] = {}
    for each in value:
        if tag := line_of(each, MAX_TAG):
            found[tag] = None
        if len(found) == MAX_TAGS:
            break
    return tuple(found)


def price_of(value: Any) -> Decimal | None:
    """Return a price in whole cents; None for what is none."""
    price = number(float(value) if isinstance(value, Decimal) else value)
    if math.isnan(price) or not 0 <= price <= _MOST_MONEY:
        return None
    exact = value if isinstance(value, Decimal) else Decimal(repr(price))
    return exact.quantize(_CENT, rounding=ROUND_HALF_UP)


def address_of(value: Any) -> str:
    """Return a path of this site or an http(s) address; empty for whatever else it is."""
    if not isinstance(value, str):
        return ""
    address = value.strip()
    if len(address) > MAX_ADDRESS or re.search(r"[\s\\<>\"]", address) or not address.isprintable():
        return ""
    try:
        parts = urlsplit(address)
    except ValueError:
        return ""
    if parts.scheme in ("http", "https") and parts.netloc:
        return address
    return address if address.startswith("/") and not address.startswith("//") else ""


def path_of(value: Any) -> str:
    """Return the path of an address on this site, without what leads there."""
    address = address_of(value)
    path = urlsplit(address).path if address else ""
    return path if path.startswith("/") and not path.startswith("//") else ""


def _printable(text: str) -> str:
    return "".join(each if each.isprintable() else " " for each in text)
