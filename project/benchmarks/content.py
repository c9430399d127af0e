"""What the page shows that is measured: with the app, without it, and on the site of a peer.

Nothing but Django is imported here: the peer's environment has no more.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

SLOTS, PRODUCTS = 20, 24
TITLE = "Everything we have"

#: What the visitor's browser says; rules of the peer and of ours look at it.
ADDRESS = "?utm_source=letter"
HEADERS = {
    "referer": "https://example.org/boots",
    "user-agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "accept-language": "en-GB,en;q=0.8",
}

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{{ title }}</title></head>
<body><h1>{{ title }}</h1>
<ul>{% for product in products %}
<li><a href="{{ product.get_absolute_url }}">{{ product.name }}</a>
<span>{{ product.category.name }}</span><b>{{ product.price }}</b>
{% if product.was_price %}<s>{{ product.was_price }}</s>{% endif %}</li>{% endfor %}</ul>
<main>%%</main></body></html>"""


def page_around(main: str, *, load: str) -> str:
    """Return the template of the page: `main` holds its slots and needs the tags of `load`."""
    return "{% load " + load + " %}" + _PAGE.replace("%%", main)


def text_of(slot: int, *, variant: int = 0) -> str:
    """Return what a slot shows; all of it is as long."""
    return f"<p>Variant {variant} of slot {slot:02}</p>"


def is_member(segment: int) -> bool:
    """Return whether the visitor is in a segment, by its number: in three of each ten."""
    return segment % 10 < 3


def product_fields(number: int) -> dict[str, Any]:
    return {
        "slug": f"boot-{number}",
        "name": f"Walking boot {number}",
        "price": Decimal("79.90") + number,
        "was_price": Decimal("149.90") if number % 3 == 0 else None,
        "position": number,
    }
