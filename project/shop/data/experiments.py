"""What the demo shop counts as success, and the experiment that it runs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from personalization.experiments.models import Measure, Metric


@dataclass(frozen=True, kw_only=True)
class GoalSeed:
    slug: str
    name: str
    event: str
    value_property: str = ""
    within: timedelta = timedelta(days=3)


@dataclass(frozen=True, kw_only=True)
class MetricSeed:
    slug: str
    name: str
    kind: str
    goal: str
    winsorise: float | None = None


@dataclass(frozen=True, kw_only=True)
class ArmSeed:
    """An arm that shows what the template has for `segment` in the slot; empty: the default."""

    key: str
    name: str
    segment: str = ""


@dataclass(frozen=True, kw_only=True)
class ExperimentSeed:
    slug: str
    name: str
    hypothesis: str
    place: str
    arms: tuple[ArmSeed, ...]
    measures: tuple[tuple[str, str], ...]


GOALS = (
    GoalSeed(slug="order", name="Order", event="Order Completed", value_property="total"),
    GoalSeed(slug="cart", name="Something in the cart", event="Product Added"),
)

METRICS = (
    MetricSeed(slug="orders", name="Visitors who order", kind=Metric.Kind.CONVERSION, goal="order"),
    MetricSeed(
        slug="order-value",
        name="Order value per visitor",
        kind=Metric.Kind.VALUE,
        goal="order",
        winsorise=0.99,
    ),
    MetricSeed(
        slug="carts",
        name="Visitors who put something into the cart",
        kind=Metric.Kind.CONVERSION,
        goal="cart",
    ),
)

EXPERIMENTS = (
    ExperimentSeed(
        slug="cheapest-first",
        name="Cheapest first, for everybody",
        hypothesis="The banner above a category that offers to sort by price is for bargain "
        "hunters so far. Others would like to know of it, too: more of them will order, and not "
        "for less.",
        place="category-banner",
        arms=(
            ArmSeed(key="sizes", name="About sizes, as ever"),
            ArmSeed(key="prices", name="Cheapest first", segment="bargain-hunters"),
        ),
        measures=(
            ("orders", Measure.Role.PRIMARY),
            ("carts", Measure.Role.SECONDARY),
            ("order-value", Measure.Role.GUARDRAIL),
        ),
    ),
)
