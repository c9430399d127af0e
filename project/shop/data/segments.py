"""The segments of the demo shop, their rules built from a few plain words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class SegmentSeed:
    slug: str
    name: str
    description: str
    rule: Json


def group(combinator: str, *rules: Json, negated: bool = False) -> Json:
    return {"combinator": combinator, "not": negated, "rules": list(rules)}


def rule(*conditions: Json) -> Json:
    return {"version": 1, "root": group("and", *conditions)}


def never(*conditions: Json) -> Json:
    return group("or", *conditions, negated=True)


def happened(
    event: str, *, at_least: int = 1, last: str | None = None, where: Json | None = None
) -> Json:
    leaf: Json = {
        "kind": "event",
        "event": event,
        "aggregate": "count",
        "operator": ">=",
        "value": at_least,
    }
    if last is not None:
        leaf["window"] = {"last": last}
    if where is not None:
        leaf["where"] = group("and", where)
    return leaf


def compare(kind: str, field: str, operator: str, value: float | str | bool | list[str]) -> Json:
    return {"kind": kind, "field": field, "operator": operator, "value": value}


def member(slug: str) -> Json:
    return {"kind": "segment", "slug": slug}


SEGMENTS = (
    SegmentSeed(
        slug="cart-abandoners",
        name="Cart abandoners",
        description="Put something into the cart within the last 24 hours and has not ordered "
        "since yesterday. Leaves by itself after an order, or when the day is over.",
        rule=rule(
            happened("Product Added", last="PT24H"),
            never(happened("Order Completed", last="PT24H")),
        ),
    ),
    SegmentSeed(
        slug="loyal-customers",
        name="Loyal customers",
        description="Has ordered at least three times.",
        rule=rule(compare("feature", "orders.count", ">=", 3)),
    ),
    SegmentSeed(
        slug="high-engagement",
        name="High engagement",
        description="Came on several visits and spent at least ten minutes reading and looking "
        "around, all told; still around this month.",
        rule=rule(
            compare("feature", "visits.count", ">=", 3),
            compare("feature", "engagement.seconds", ">=", 600),
            happened("Page Viewed", last="P30D"),
        ),
    ),
    SegmentSeed(
        slug="bargain-hunters",
        name="Bargain hunters",
        description="Looked at four or more products this month that were reduced by at least "
        "a fifth.",
        rule=rule(
            happened(
                "Product Viewed",
                at_least=4,
                last="P30D",
                where=compare("prop", "discount", ">=", 20),
            )
        ),
    ),
    SegmentSeed(
        slug="browsers",
        name="Browsers",
        description="Looked at five or more products in the last two weeks without putting one "
        "into the cart.",
        rule=rule(
            happened("Product Viewed", at_least=5, last="P14D"),
            never(happened("Product Added", last="P14D")),
        ),
    ),
    SegmentSeed(
        slug="disengaged",
        name="Disengaged",
        description="Was here once, and not in the last 30 days.",
        rule=rule(
            compare("feature", "events.count", ">=", 1),
            never(happened("Page Viewed", last="P30D")),
        ),
    ),
    SegmentSeed(
        slug="looking-for-shoes",
        name="Looking for shoes",
        description="Viewed two or more shoes or boots within a fortnight.",
        rule=rule(
            happened(
                "Product Viewed",
                at_least=2,
                last="P14D",
                where=compare("prop", "category", "=", "shoes"),
            )
        ),
    ),
    SegmentSeed(
        slug="journal-readers",
        name="Journal readers",
        description="Read three or more articles of the journal this month.",
        rule=rule(happened("Article Viewed", at_least=3, last="P30D")),
    ),
    SegmentSeed(
        slug="newsletter",
        name="Newsletter readers",
        description="Told us that they want the newsletter.",
        rule=rule(compare("trait", "newsletter", "=", True)),
    ),
    SegmentSeed(
        slug="missed",
        name="Regulars we miss",
        description="Loyal customers who have not been here for 30 days: two segments put "
        "together.",
        rule=rule(member("loyal-customers"), member("disengaged")),
    ),
    SegmentSeed(
        slug="new-visitors",
        name="New visitors",
        description="Came for the first time within the last week; leaves by itself when the "
        "week is over.",
        rule=rule(compare("feature", "lifecycle.stage", "=", "new")),
    ),
    SegmentSeed(
        slug="best-customers",
        name="Best customers",
        description="The upper right of the RFM grid: order often, and did so lately.",
        rule=rule(compare("feature", "rfm.group", "in", ["champions", "loyal customers"])),
    ),
    SegmentSeed(
        slug="researchers",
        name="Researchers",
        description="Compare many products, read the journal, come back to look again.",
        rule=rule(compare("feature", "persona", "=", "researcher")),
    ),
    SegmentSeed(
        slug="keen",
        name="Keen on the shop",
        description="Twenty points of interest or more: a click counts 1, the cart 3, an order 5.",
        rule=rule(compare("feature", "interest.score", ">=", 20)),
    ),
)
