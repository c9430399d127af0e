"""Visitors of whom the truth is known: their kind, what they like, and how likely they are to buy.

Whether somebody buys is drawn at the end of each visit with a probability that is a formula
(`chance`) of their kind and of what they did in it, and is seen within `SOON`; the next visit
begins later than that. So an oracle that knows the formula is the best that there can be, and
what learns from the events alone can be judged by it. They see nothing of what the site shows
(`crowd` is of those who do), so that nothing else moves them.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from project.shop.journey import Journey, Json, Shelves, moment

#: Those of a history begin to come so long before its end, and all have come for the first time
#: so long after that: the rest suffices for whoever comes most often and pauses longest.
SPAN, ARRIVE = timedelta(days=85), timedelta(days=14)
#: An order follows the end of a visit within so long, or does not follow from it.
SOON = timedelta(days=2)
#: From one visit to the next, which is later than any order that follows from the first.
_PAUSE = (timedelta(days=2, hours=6), timedelta(days=5))
#: How soon an order follows.
_ORDER = (timedelta(hours=3), timedelta(hours=44))
#: What a product that was looked at, and one in the cart, add to the log odds of an order.
PER_PRODUCT, PER_CART = 0.25, 1.8
#: Share of the products that are of the department that a visitor likes.
LOYALTY = 0.8


@dataclass(frozen=True, kw_only=True)
class Kind:
    """What people of one kind do; ranges are from the least to the most, any as likely."""

    name: str
    share: float
    visits: tuple[int, int]
    products: tuple[int, int]
    articles: tuple[int, int] = (0, 0)
    #: Attentive seconds with the products of a visit.
    seconds: tuple[int, int]
    #: Probability that something is in the cart when a visit ends.
    cart: float
    #: Log odds of an order after a visit with no product and an empty cart.
    keen: float
    #: Whether they look at reduced products alone.
    reduced: bool = False


KINDS = (
    Kind(
        name="bargain hunter", share=0.3, visits=(8, 11), products=(6, 9), seconds=(4, 9),
        cart=0.5, keen=-3.6, reduced=True,
    ),
    Kind(
        name="loyal buyer", share=0.25, visits=(11, 14), products=(1, 3), seconds=(60, 140),
        cart=0.6, keen=-1.3,
    ),
    Kind(
        name="reader", share=0.25, visits=(7, 10), products=(1, 2), articles=(3, 5),
        seconds=(10, 30), cart=0.02, keen=-7.5,
    ),
    Kind(
        name="researcher", share=0.2, visits=(3, 4), products=(10, 14), seconds=(200, 400),
        cart=0.9, keen=-10.5,
    ),
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Decision:
    """The end of a visit: how likely an order was by the truth, and whether one followed."""

    at: datetime
    chance: float
    orders: bool


@dataclass(kw_only=True)
class Planted:
    """Somebody with all they did, and what of it was decided by chance."""

    id: str
    kind: Kind
    likes: str
    events: list[Json] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)


def chance(kind: Kind, *, products: int, carts: int) -> float:
    """Return the probability of an order within `SOON` of the end of a visit: the truth.

    `products` are those that were looked at in it, `carts` those that were put into the cart.
    """
    return 1 / (1 + math.exp(-(kind.keen + PER_PRODUCT * products + PER_CART * carts)))


def plant(
    *, seed: int, since: datetime, visitors: int, shelves: Shelves, arrive: timedelta
) -> Iterator[Planted]:
    """Yield `visitors` people, each drawn from the seed and its number alone.

    Their first visits begin in [since, since + arrive).
    """
    for number in range(visitors):
        rng = random.Random(f"planted/{seed}/{number}")  # noqa: S311 - nothing to guess
        kind = rng.choices(KINDS, weights=[each.share for each in KINDS])[0]
        somebody = Planted(
            id=f"planted{seed}-{number:04}", kind=kind, likes=rng.choice(shelves.categories)
        )
        journey = Journey(id=somebody.id, rng=rng, shelves=shelves, at=since)
        _live(somebody, journey, first=since + arrive * rng.random())
        somebody.events = journey.events
        yield somebody


def planted_until(
    now: datetime, *, seed: int, visitors: int, shelves: Shelves
) -> Iterator[Planted]:
    """Yield people of the `SPAN` before `now`, by when all they do is over."""
    return plant(seed=seed, since=now - SPAN, visitors=visitors, shelves=shelves, arrive=ARRIVE)


def _live(somebody: Planted, journey: Journey, *, first: datetime) -> None:
    rng, kind = journey.rng, somebody.kind
    start = first
    for _ in range(rng.randint(*kind.visits)):
        journey.start(start)
        products, carts = _visit(somebody, journey)
        probability = chance(kind, products=products, carts=carts)
        decision = Decision(
            at=moment(journey.events[-1]),
            chance=probability,
            orders=rng.random() < probability,
        )
        somebody.decisions.append(decision)
        if decision.orders:
            journey.start(decision.at + _between(rng, _ORDER))
            if not journey.cart:
                journey.take(_choice(somebody, journey))
            journey.order()
        journey.cart.clear()
        start = decision.at + _between(rng, _PAUSE)


def _visit(somebody: Planted, journey: Journey) -> tuple[int, int]:
    """Look around; return how many products were looked at, and put into the cart."""
    rng, kind = journey.rng, somebody.kind
    journey.page("/", "Larkfell")
    for _ in range(rng.randint(*kind.articles)):
        journey.read(rng.choice(journey.shelves.articles))
    products = rng.randint(*kind.products)
    for _ in range(products):
        journey.look_at(_choice(somebody, journey))
    journey.stay(*kind.seconds)
    carts = int(rng.random() < kind.cart)
    if carts:
        journey.take(_choice(somebody, journey))
    return products, carts


def _choice(somebody: Planted, journey: Journey) -> Json:
    """Return a product, of the department that is liked more often than not."""
    shelves = journey.shelves
    shelf = shelves.offers if somebody.kind.reduced else shelves.products
    liked = [product for product in shelf if product["category"] == somebody.likes]
    likes = liked and journey.rng.random() < LOYALTY
    return journey.rng.choice(liked if likes else shelf)


def _between(rng: random.Random, bounds: tuple[timedelta, timedelta]) -> timedelta:
    least, most = bounds
    return least + (most - least) * rng.random()
