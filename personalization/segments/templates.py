"""Segments to begin with: ready rules over events and features that the package ships."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, cast, get_args

from django.utils.text import slugify
from django.utils.translation import gettext_lazy as _

from personalization.rules.writing import (
    age,
    any_of,
    different,
    feature,
    group,
    happened,
    none_of,
    prop,
    regular,
    rule,
)
from personalization.types import Json, JsonObject

Chapter = Literal["carts", "browsing", "rfm", "engagement", "lifecycle", "personas", "caution"]
CHAPTERS: Mapping[Chapter, object] = {
    "carts": _("Carts and orders"),
    "browsing": _("Looking around"),
    "rfm": _("RFM grid: how recently and how often they ordered"),
    "engagement": _("Engagement and interest"),
    "lifecycle": _("Lifecycle stages"),
    "personas": _("Personas"),
    "caution": _("Not to be taken at their word"),
}
assert tuple(CHAPTERS) == get_args(Chapter)


@dataclass(frozen=True, kw_only=True)
class Template:
    """A ready segment. Those to `start` from are offered in an empty editor, too."""

    name: str
    description: str
    chapter: Chapter
    conditions: tuple[Json, ...]
    combinator: str = "and"
    start: bool = False

    @property
    def slug(self) -> str:
        return slugify(self.name)

    @property
    def rule(self) -> JsonObject:
        return rule(*self.conditions, combinator=self.combinator)

    def to_json(self) -> JsonObject:
        """Return what the rule editor offers."""
        return {
            "name": self.name,
            "description": self.description,
            "rule": self.rule,
            "slug": self.slug,
            "chapter": str(CHAPTERS[self.chapter]),
        }


_CARTS = (
    Template(
        name="Cart abandoners",
        description="Put something into the cart in the last 24 hours and did not order.",
        chapter="carts",
        conditions=(
            happened("Product Added", last="PT24H"),
            none_of(happened("Order Completed", last="PT24H")),
        ),
        start=True,
    ),
    Template(
        name="Checkout abandoners",
        description="Began to check out in the last 24 hours and left for an hour or more "
        "without an order.",
        chapter="carts",
        conditions=(
            {
                "kind": "sequence",
                "last": "PT24H",
                "steps": [
                    {"event": "Checkout Started"},
                    {"event": "Order Completed", "absent": True, "within": "PT1H"},
                ],
            },
        ),
    ),
    Template(
        name="Loyal customers",
        description="Three orders or more, the newest in the last 90 days.",
        chapter="carts",
        conditions=(
            feature("orders.count", ">=", 3),
            happened("Order Completed", last="P90D"),
        ),
        start=True,
    ),
    Template(
        name="First order just made",
        description="Ordered for the first time in the last 14 days, and only once.",
        chapter="carts",
        conditions=(
            age("Order Completed", "<=", "P14D", which="first"),
            none_of(happened("Order Completed", times=2)),
        ),
    ),
    Template(
        name="Big spenders",
        description="The highest spending score: their orders add up to much.",
        chapter="carts",
        conditions=(feature("rfm.monetary", "=", 5),),
    ),
    Template(
        name="One-time customers",
        description="Ordered once, more than 60 days ago, and never again.",
        chapter="carts",
        conditions=(
            age("Order Completed", ">", "P60D"),
            none_of(happened("Order Completed", times=2)),
        ),
    ),
)
_BROWSING = (
    Template(
        name="Browsers",
        description="Looks at many products and has never ordered.",
        chapter="browsing",
        conditions=(
            happened("Product Viewed", times=3, last="P7D"),
            none_of(happened("Order Completed")),
        ),
        start=True,
    ),
    Template(
        name="Bargain hunters",
        description="Uses coupons, or looks for what is on sale.",
        chapter="browsing",
        combinator="or",
        conditions=(
            happened("Coupon Applied", last="P90D"),
            happened(
                "Products Searched",
                last="P90D",
                where=any_of(
                    prop("query", "contains", "sale"), prop("query", "contains", "discount")
                ),
            ),
        ),
        start=True,
    ),
    Template(
        name="Searching and not finding",
        description="Searched three times or more in the last 7 days and put nothing into the cart.",
        chapter="browsing",
        conditions=(
            happened("Products Searched", times=3, last="P7D"),
            none_of(happened("Product Added", last="P7D")),
        ),
    ),
    Template(
        name="Wish list keepers",
        description="Put something on the wish list in the last 30 days and has not ordered since "
        "then.",
        chapter="browsing",
        conditions=(
            happened("Product Added to Wishlist", last="P30D"),
            none_of(happened("Order Completed", last="P30D")),
        ),
    ),
)


def _of(name: str, value: str, *, called: str, description: str, chapter: Chapter) -> Template:
    """Return the segment of those of whom the feature `name` has this value."""
    return Template(
        name=called,
        description=description,
        chapter=chapter,
        conditions=(feature(name, "=", value),),
    )


_RFM = tuple(
    _of("rfm.group", value, called=f"RFM: {value}", description=description, chapter="rfm")
    for value, description in {
        "champions": "Ordered just now, and often. Reward them; ask them for reviews.",
        "loyal customers": "Order often, if not just now. Show them what is new.",
        "potential loyalists": "Ordered lately, and more than once. Invite them to stay.",
        "new customers": "Ordered just now, for the first time. Welcome them.",
        "promising": "Ordered once, not long ago. Give them a reason to come again.",
        "need attention": "Order now and then; it has been a while. Remind them.",
        "about to sleep": "Ordered once or twice, and it has been a while.",
        "cannot lose": "Ordered very often, and have not for long. Win them back yourself.",
        "at risk": "Ordered often, and have not for long. Win them back.",
        "hibernating": "Ordered once or twice, long ago.",
    }.items()
)
_ENGAGEMENT = (
    _of(
        "engagement.class",
        "active",
        called="Active visitors",
        description="Came on several days this month, clicked, searched, filled the cart or ordered.",
        chapter="engagement",
    ),
    _of(
        "engagement.class",
        "passive",
        called="Passive visitors",
        description="Were here this month and did nothing but look.",
        chapter="engagement",
    ),
    Template(
        name="High engagement",
        description="Comes often, stays long and reads.",
        chapter="engagement",
        conditions=(
            feature("visits.count", ">=", 3),
            feature("engagement.seconds", ">=", 300),
            happened("Page Viewed", times=10, last="P30D"),
        ),
        start=True,
    ),
    Template(
        name="Weekly regulars",
        description="Views two pages or more a week, in three of the last four weeks.",
        chapter="engagement",
        conditions=(regular("Page Viewed", times=2, period="P7D", of=4, at_least=3),),
    ),
    Template(
        name="High interest",
        description="20 points or more: a click counts 1, the cart 3, an order 5, unless you weigh "
        "them otherwise.",
        chapter="engagement",
        conditions=(feature("interest.score", ">=", 20),),
    ),
    Template(
        name="Interested and undecided",
        description="10 points or more, and no order yet.",
        chapter="engagement",
        conditions=(
            feature("interest.score", ">=", 10),
            none_of(happened("Order Completed")),
        ),
    ),
)
_LIFECYCLE = (
    *(
        _of("lifecycle.stage", value, called=called, description=said, chapter="lifecycle")
        for value, called, said in (
            ("new", "New visitors", "Came for the first time a few days ago."),
            ("active", "Current visitors", "Not new any more, and here within the month."),
            ("at risk", "Visitors at risk", "Not here this month, but not lost yet."),
            ("lapsed", "Lapsed visitors", "Have not been here for a long time."),
        )
    ),
    Template(
        name="Disengaged",
        description="Came more than once, but not in the last 30 days.",
        chapter="lifecycle",
        conditions=(
            feature("visits.count", ">=", 2),
            none_of(happened("Page Viewed", last="P30D")),
        ),
        start=True,
    ),
)
_PERSONAS = tuple(
    _of("persona", value, called=called, description=description, chapter="personas")
    for value, called, description in (
        ("loyal fan", "Loyal fans", "Champions and loyal customers."),
        ("bargain hunter", "Persona: bargain hunters", "Coupons, sales, reduced products."),
        ("researcher", "Researchers", "Compare many products, read, come back to look again."),
        ("window shopper", "Window shoppers", "Look at products and have never ordered."),
    )
)
_CAUTION = (
    Template(
        name="Inconsistent behaviour",
        description="Does what one person does not: far more pages or kinds of products in minutes "
        "than anybody looks at, buying and taking back again and again, or several people on one "
        "device. What they do tells little of who they are.",
        chapter="caution",
        combinator="or",
        conditions=(
            happened("Page Viewed", times=100, last="PT5M"),
            different("Product List Viewed", "category", 12, last="PT5M"),
            different("Product Viewed", "category", 12, last="PT5M"),
            group(
                happened("Product Added", times=20, last="PT10M"),
                happened("Product Removed", times=20, last="PT10M"),
            ),
            group(
                happened("Order Completed", times=3, last="P7D"),
                any_of(
                    happened("Order Cancelled", times=3, last="P7D"),
                    happened("Order Refunded", times=3, last="P7D"),
                ),
            ),
            different("Identified", "email", 3, last="P1D"),
        ),
    ),
)
TEMPLATES: tuple[Template, ...] = (
    *_CARTS, *_BROWSING, *_RFM, *_ENGAGEMENT, *_LIFECYCLE, *_PERSONAS, *_CAUTION,
)  # fmt: skip
_BY_SLUG: Mapping[str, Template] = {template.slug: template for template in TEMPLATES}


def template_called(slug: str) -> Template | None:
    return _BY_SLUG.get(slug)


def templates_of(chapter: str) -> Sequence[Template]:
    """Return those of a chapter; none where there is no such chapter."""
    return [template for template in TEMPLATES if template.chapter == cast(Chapter, chapter)]


def starters() -> Sequence[Template]:
    """Return those that an empty rule editor offers."""
    return [template for template in TEMPLATES if template.start]
