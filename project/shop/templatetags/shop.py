"""How templates show prices, pictures, and the properties of events."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from django import template
from django.db.models import QuerySet
from django.template.loader import render_to_string
from django.templatetags.static import static
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from personalization.delivery.recommendations import List
from personalization.ml.serving.reasons import Code, Reason
from project.shop import properties
from project.shop.cart import Cart, Line
from project.shop.models import Article, Category, Order, Product
from project.shop.palettes import PALETTES

register = template.Library()


@register.filter
def money(amount: Decimal) -> str:
    """Return €189, or €14.50 where there are cents."""
    whole = amount == amount.to_integral_value()
    return f"€{amount:,.0f}" if whole else f"€{amount:,.2f}"


@register.filter
def event_properties(thing: Product | Line | Cart | Order | Category | Article) -> str:
    """Return the properties of an event about `thing`, as JSON for a data attribute."""
    match thing:
        case Product():
            values = properties.of_product(thing)
        case Line():
            values = properties.of_line(thing)
        case Cart():
            values = properties.of_cart(thing)
        case Order():
            values = properties.of_order(thing)
        case Category():
            values = properties.of_category(thing)
        case Article():
            values = properties.of_article(thing)
    return json.dumps(values, ensure_ascii=False)


@register.filter
def as_json(values: dict[str, str]) -> str:
    return json.dumps(values, ensure_ascii=False)


@register.filter
def article_text(body: str) -> SafeString:
    """Return paragraphs and headings as HTML; the text itself is escaped."""
    blocks = (block.strip() for block in body.split("\n\n"))
    return format_html_join(
        "\n",
        "{}",
        (
            (
                format_html("<h2>{}</h2>", block[3:])
                if block.startswith("## ")
                else format_html("<p>{}</p>", block),
            )
            for block in blocks
            if block
        ),
    )


@register.filter
def scene_url(scene: str) -> str:
    """Return the address of a landscape."""
    return static(f"shop/scenes/{scene}.svg")


@register.simple_tag
def picture(thing: Product | Category, label: str = "") -> SafeString:
    """Draw the illustration of a product or category; decorative without a label."""
    return render_to_string(
        "shop/product_art.html",
        {"c": PALETTES[thing.palette], "motif": f"shop/art/{thing.art}.svg", "label": label},
    )


@register.simple_tag
def shop_categories() -> QuerySet[Category]:
    return Category.objects.all()


#: Reasons that speak of everybody, and of nobody in particular.
_OF_ALL: Final[frozenset[Code]] = frozenset({"popular", "new", "other"})


@dataclass(frozen=True)
class Pick:
    """A product or an article of a list, with the reason why it is in it."""

    thing: Product | Article
    why: Reason


@register.simple_tag
def product_picks(found: List) -> list[Pick]:
    """Return the products of a list, in its order; one query, none for an empty list."""
    keys = [one.item.key for one in found]
    rows = Product.objects.select_related("category") if keys else Product.objects.none()
    return _picks(found, rows.in_bulk(keys, field_name="slug"))


@register.simple_tag
def article_picks(found: List) -> list[Pick]:
    """Return the articles of a list, in its order; one query, none for an empty list."""
    keys = [one.item.key for one in found]
    rows = Article.objects.all() if keys else Article.objects.none()
    return _picks(found, rows.in_bulk(keys, field_name="slug"))


@register.filter
def is_chosen(picks: Sequence[Pick]) -> bool:
    """Return whether any of them is there for what somebody did, or the page is about."""
    return any(pick.why.code not in _OF_ALL for pick in picks)


def _picks(found: List, rows: Mapping[str, Product | Article]) -> list[Pick]:
    return [Pick(rows[one.item.key], one.reason) for one in found if one.item.key in rows]
