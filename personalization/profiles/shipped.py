"""The features that rules decide and the package ships: RFM, engagement, stages, personas.

Importing this module adds them. Their thresholds are read once, when the process starts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from personalization.exceptions import SettingError
from personalization.profiles.derived import Value, define
from personalization.profiles.thresholds import shipped, thresholds
from personalization.rules.need import ANY
from personalization.rules.sql import JsonType
from personalization.rules.writing import (
    adds_up,
    age,
    any_of,
    days,
    different,
    feature,
    fewer,
    happened,
    on_days,
    prop,
    regular,
    rule,
)
from personalization.types import Json, JsonObject

Cases = Sequence[tuple[Value, JsonObject]]
Range = tuple[int, int]

ORDER = "Order Completed"
#: The cells of the grid of recency and frequency, from … to … each. Each of the 25 pairs of
#: scores lies in exactly one.
RFM_GROUPS: Mapping[str, tuple[Range, Range]] = {
    "champions": ((5, 5), (4, 5)),
    "loyal customers": ((3, 4), (4, 5)),
    "potential loyalists": ((4, 5), (2, 3)),
    "new customers": ((5, 5), (1, 1)),
    "promising": ((4, 4), (1, 1)),
    "need attention": ((3, 3), (3, 3)),
    "about to sleep": ((3, 3), (1, 2)),
    "cannot lose": ((1, 2), (5, 5)),
    "at risk": ((1, 2), (3, 4)),
    "hibernating": ((1, 2), (1, 2)),
}


def recency_cases(limits: Sequence[float]) -> Cases:
    """Return the scores 5 to 1 of how many days ago the last order was."""
    recent = [
        (5 - place, rule(age(ORDER, "<=", days(int(limit))))) for place, limit in enumerate(limits)
    ]
    return [*recent, (1, rule(happened(ORDER)))]


def frequency_cases(limits: Sequence[float]) -> Cases:
    """Return the scores 5 to 1 of how many orders there were."""
    often = [
        (5 - place, rule(happened(ORDER, times=int(limit))))
        for place, limit in enumerate(reversed(limits))
    ]
    return [*often, (1, rule(happened(ORDER)))]


def monetary_cases(limits: Sequence[float]) -> Cases:
    """Return the scores 5 to 1 of what all orders add up to."""
    much = [
        (5 - place, rule(adds_up(ORDER, "total", limit)))
        for place, limit in enumerate(reversed(limits))
    ]
    return [*much, (1, rule(happened(ORDER)))]


def group_cases(ages: Sequence[float], counts: Sequence[float]) -> Cases:
    """Return the cells of the grid, each as what it means in days and orders."""
    return [
        (name, rule(*_recent(recency, ages), *_often(frequency, counts)))
        for name, (recency, frequency) in RFM_GROUPS.items()
    ]


def _recent(scores: Range, limits: Sequence[float]) -> Iterator[Json]:
    """Yield how old the last order is whose score lies in the range."""
    least, most = scores
    if most < 5:
        yield age(ORDER, ">", days(int(limits[4 - most])))
    if least > 1:
        yield age(ORDER, "<=", days(int(limits[5 - least])))


def _often(scores: Range, limits: Sequence[float]) -> Iterator[Json]:
    """Yield how many orders there are where the score lies in the range."""
    least, most = scores
    if least > 1:
        yield happened(ORDER, times=int(limits[least - 2]))
    if most < 5:
        yield fewer(ORDER, int(limits[most - 1]))


def engagement_cases(limits: Sequence[float]) -> Cases:
    """Return who does something, and who only looks."""
    span, on, clicks = (int(limit) for limit in limits)
    last = days(span)
    doing = any_of(
        on_days(ANY, on, last=last),
        happened("Element Clicked", times=clicks, last=last),
        happened("Products Searched", last=last),
        happened("Product Added", last=last),
        happened(ORDER, last=last),
    )
    return [("active", rule(doing)), ("passive", rule(happened(ANY, last=last)))]


def lifecycle_cases(limits: Sequence[float]) -> Cases:
    """Return the stages from the first visit to the last."""
    new, active, at_risk = (days(int(limit)) for limit in limits)
    return [
        ("new", rule(age(ANY, "<=", new, which="first"))),
        ("active", rule(age(ANY, "<=", active))),
        ("at risk", rule(age(ANY, "<=", at_risk))),
        ("lapsed", rule(happened(ANY))),
    ]


def persona_cases() -> Cases:
    """Return kinds of people, those that tell most first."""
    reduced = prop("discount", ">=", 20)
    seeking = prop("query", "matches", "[Ss]ale|[Dd]iscount|[Cc]oupon|[Cc]heap|[Oo]ffer")
    return [
        ("loyal fan", rule(feature("rfm.group", "in", ["champions", "loyal customers"]))),
        (
            "bargain hunter",
            rule(
                happened("Coupon Entered", last="P90D"),
                happened("Coupon Applied", last="P90D"),
                happened("Products Searched", last="P90D", where=seeking),
                happened("Product Viewed", times=4, last="P30D", where=reduced),
                combinator="or",
            ),
        ),
        (
            "researcher",
            rule(
                different("Product Viewed", "product_id", 6, last="P30D"),
                happened("Article Viewed", times=3, last="P30D"),
                regular("Product Viewed", times=2, period="P7D", of=4, at_least=3),
                combinator="or",
            ),
        ),
        ("window shopper", rule(happened("Product Viewed", last="P30D"), fewer(ORDER, 1))),
    ]


@dataclass(frozen=True)
class Shipped:
    """What `define` wants to know of one feature."""

    name: str
    label: str
    kind: JsonType
    cases: Cases
    description: str


def features(limits: Mapping[str, Sequence[float]]) -> Iterator[Shipped]:
    """Yield the shipped features for thresholds by name; those after may look at those before."""
    recency, frequency = limits["rfm.recency"], limits["rfm.frequency"]
    engagement, stages = limits["engagement.class"], limits["lifecycle.stage"]
    yield Shipped("rfm.recency", "recency score", "number", recency_cases(recency), _RECENCY)
    yield Shipped(
        "rfm.frequency", "frequency score", "number", frequency_cases(frequency), _FREQUENCY
    )
    yield Shipped(
        "rfm.monetary",
        "spending score",
        "number",
        monetary_cases(limits["rfm.monetary"]),
        _MONETARY,
    )
    yield Shipped("rfm.group", "RFM group", "text", group_cases(recency, frequency), _GROUP)
    yield Shipped(
        "engagement.class", "engagement", "text", engagement_cases(engagement), _ENGAGEMENT
    )
    yield Shipped("lifecycle.stage", "lifecycle stage", "text", lifecycle_cases(stages), _STAGE)
    yield Shipped("persona", "persona", "text", persona_cases(), _PERSONA)


_RECENCY = (
    "Days since the last “Order Completed”: 5 (just now) to 1 (long ago). Not known without an "
    "order."
)
_FREQUENCY = "Number of “Order Completed”: 5 (many) to 1 (one). Not known without an order."
_MONETARY = (
    "Sum of “total” of all “Order Completed”, in the currency of the site: 5 (much) to 1 (little). "
    "Not known without an order."
)
_GROUP = "The cell of the grid of recency and frequency scores. Not known without an order."
_ENGAGEMENT = (
    "“active”: came on several days, clicked often, searched, filled the cart or ordered; "
    "“passive”: was there and did nothing of that. Not known of those who were not there at all."
)
_STAGE = (
    "“new”: the first event is a few days old; then by the age of the last one “active”, "
    "“at risk” and “lapsed”."
)
_PERSONA = (
    "“loyal fan”: a champion or loyal customer; “bargain hunter”: uses coupons, looks for what is "
    "reduced; “researcher”: compares and reads; “window shopper”: looks and never ordered. Not "
    "known of all others."
)


def _limits() -> Mapping[str, Sequence[float]]:
    try:
        return thresholds()
    except SettingError:  # E001 tells; pages go on meanwhile
        return shipped()


for _one in features(_limits()):
    define(
        _one.name,
        label=_one.label,
        kind=_one.kind,
        cases=_one.cases,
        description=_one.description,
    )
