"""Rules to start from: one click in an empty editor, then changed to taste."""

from __future__ import annotations

from dataclasses import dataclass

from personalization.types import Json, JsonObject


@dataclass(frozen=True, kw_only=True)
class Starter:
    """A ready rule over events that the package ships."""

    name: str
    description: str
    conditions: tuple[Json, ...]
    combinator: str = "and"

    @property
    def rule(self) -> JsonObject:
        return {"version": 1, "root": _group(*self.conditions, combinator=self.combinator)}

    def to_json(self) -> JsonObject:
        return {"name": self.name, "description": self.description, "rule": self.rule}


def _group(*conditions: Json, combinator: str = "and", negated: bool = False) -> JsonObject:
    return {"combinator": combinator, "not": negated, "rules": list(conditions)}


def _none_of(*conditions: Json) -> JsonObject:
    return _group(*conditions, combinator="or", negated=True)


def _event(name: str, *, times: int = 1, last: str | None = None, where: Json = None) -> JsonObject:
    return {
        "kind": "event",
        "event": name,
        "aggregate": "count",
        "operator": ">=",
        "value": times,
        **({"window": {"last": last}} if last else {}),
        **({"where": where} if where else {}),
    }


def _feature(name: str, operator: str, value: float) -> JsonObject:
    return {"kind": "feature", "field": name, "operator": operator, "value": value}


def _prop(name: str, operator: str, value: Json) -> JsonObject:
    return {"kind": "prop", "field": name, "operator": operator, "value": value}


STARTERS: tuple[Starter, ...] = (
    Starter(
        name="Cart abandoners",
        description="Put something into the cart in the last 24 hours and did not order.",
        conditions=(
            _event("Product Added", last="PT24H"),
            _none_of(_event("Order Completed", last="PT24H")),
        ),
    ),
    Starter(
        name="Loyal customers",
        description="Three orders or more, the newest in the last 90 days.",
        conditions=(
            _feature("orders.count", ">=", 3),
            _event("Order Completed", last="P90D"),
        ),
    ),
    Starter(
        name="High engagement",
        description="Comes often, stays long and reads.",
        conditions=(
            _feature("visits.count", ">=", 3),
            _feature("engagement.seconds", ">=", 300),
            _event("Page Viewed", times=10, last="P30D"),
        ),
    ),
    Starter(
        name="Bargain hunters",
        description="Uses coupons, or looks for what is on sale.",
        combinator="or",
        conditions=(
            _event("Coupon Applied", last="P90D"),
            _event(
                "Products Searched",
                last="P90D",
                where=_group(
                    _prop("query", "contains", "sale"),
                    _prop("query", "contains", "discount"),
                    combinator="or",
                ),
            ),
        ),
    ),
    Starter(
        name="Browsers",
        description="Looks at many products and has never ordered.",
        conditions=(
            _event("Product Viewed", times=3, last="P7D"),
            _none_of(_event("Order Completed")),
        ),
    ),
    Starter(
        name="Disengaged",
        description="Came more than once, but not in the last 30 days.",
        conditions=(
            _feature("visits.count", ">=", 2),
            _none_of(_event("Page Viewed", last="P30D")),
        ),
    ),
)
