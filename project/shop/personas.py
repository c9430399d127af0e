"""Seven kinds of people, and what each of them does on a visit to the shop.

Each persona ends up in the segment that its name promises, at the `now` of the
simulation and with hours to spare.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from project.shop.journey import Journey, Json

REFERRERS = ("", "", "https://www.google.com/", "https://www.bing.com/", "https://duckduckgo.com/")
QUERIES = ("wool", "boots", "rain", "tent", "socks", "blanket", "merino", "pack")
NAMES = (
    "Ada", "Ben", "Carys", "Dev", "Elif", "Finn", "Greta", "Hugo", "Iris", "Jonas",
    "Kirsty", "Leo", "Mara", "Noor", "Oskar", "Priya", "Quentin", "Rosa", "Sami", "Tess",
)  # fmt: skip
TOWNS = ("Leeds", "Oban", "Gent", "Graz", "Cork", "Aarhus", "Porto", "Lyon", "Bergen", "Ulm")

DAY = timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class Persona:
    """Who comes how often, when (as days before now), and does what."""

    name: str
    share: float
    segment: str
    visits: tuple[int, int]
    first: float  # the earliest visit lies at most this many days back
    last: float  # and the latest at least this many
    visit: Callable[[Journey, int], None]


def browse(journey: Journey, visit: int) -> None:
    """Look at five things or more and leave."""
    arrive(journey)
    for _ in range(2):
        journey.look_through(category := journey.rng.choice(journey.shelves.categories))
        shelf = [p for p in journey.shelves.products if p["category"] == category]
        for product in journey.rng.sample(shelf, 3):
            journey.look_at(product)
    journey.stay(10, 60)


def hunt(journey: Journey, visit: int) -> None:
    """Look at what is reduced, four or more at a time; now and then buy one."""
    journey.page("/", "Larkfell")
    found = journey.rng.sample(journey.shelves.offers, 4)
    for product in found:
        journey.look_at(product)
    journey.stay(10, 50)
    if visit > 0 and journey.rng.random() < 0.4:
        journey.take(min(found, key=price))
        journey.order()


def return_and_buy(journey: Journey, visit: int) -> None:
    """Come back and order; say who one is at the first order."""
    arrive(journey)
    product = journey.rng.choice(journey.shelves.products)
    journey.look_through(product["category"])
    journey.look_at(product)
    if visit == 0:
        introduce(journey)
    journey.take(product)
    journey.stay(20, 80)
    journey.order()


def abandon(journey: Journey, visit: int) -> None:
    """Look around; on the last visit put something into the cart and go."""
    arrive(journey)
    for product in journey.rng.sample(journey.shelves.products, 2):
        journey.look_at(product)
    journey.take(journey.rng.choice(journey.shelves.products))
    journey.stay(5, 60)


def read(journey: Journey, visit: int) -> None:
    """Read two or three articles to the end, and look at what they mention."""
    journey.start(journey.at, referrer=journey.rng.choice(REFERRERS))
    journey.page("/journal/", "Journal")
    for article in journey.rng.sample(journey.shelves.articles, journey.rng.randint(2, 3)):
        journey.read(article)
    journey.look_at(journey.rng.choice(journey.shelves.products))
    if visit == 0 and journey.rng.random() < 0.3:
        introduce(journey, newsletter=True)


def glance(journey: Journey, visit: int) -> None:
    """Look at a thing or two, some weeks ago, and not come back."""
    arrive(journey)
    for product in journey.rng.sample(journey.shelves.products, 2):
        journey.look_at(product)
    journey.stay(5, 30)


PERSONAS = (
    Persona(
        name="browser",
        share=0.28,
        segment="browsers",
        visits=(1, 2),
        first=5,
        last=0.02,
        visit=browse,
    ),
    Persona(
        name="bargain hunter",
        share=0.18,
        segment="bargain-hunters",
        visits=(1, 3),
        first=14,
        last=0.05,
        visit=hunt,
    ),
    Persona(
        name="loyal",
        share=0.12,
        segment="loyal-customers",
        visits=(3, 5),
        first=60,
        last=0.05,
        visit=return_and_buy,
    ),
    Persona(
        name="missed regular",
        share=0.04,
        segment="missed",
        visits=(3, 4),
        first=60,
        last=33,
        visit=return_and_buy,
    ),
    Persona(
        name="abandoner",
        share=0.07,
        segment="cart-abandoners",
        visits=(1, 1),
        first=0.7,
        last=0.01,
        visit=abandon,
    ),
    Persona(
        name="reader",
        share=0.15,
        segment="journal-readers",
        visits=(3, 4),
        first=20,
        last=0.05,
        visit=read,
    ),
    Persona(
        name="lapsed",
        share=0.16,
        segment="disengaged",
        visits=(1, 2),
        first=60,
        last=32,
        visit=glance,
    ),
)


def arrive(journey: Journey) -> None:
    journey.start(journey.at, referrer=journey.rng.choice(REFERRERS))
    if journey.rng.random() < 0.3:
        journey.search(journey.rng.choice(QUERIES))
    else:
        journey.page("/", "Larkfell")


def introduce(journey: Journey, *, newsletter: bool | None = None) -> None:
    rng = journey.rng
    name = rng.choice(NAMES)
    user_id = f"{name.lower()}-{journey.id.removeprefix('sim')}"
    journey.identify(
        user_id,
        {
            "name": name,
            "email": f"{user_id}@example.org",
            "town": rng.choice(TOWNS),
            "newsletter": rng.random() < 0.5 if newsletter is None else newsletter,
        },
    )


def price(product: Json) -> float:
    return float(product["price"])


def pick(rng: random.Random) -> Persona:
    return rng.choices(PERSONAS, weights=[persona.share for persona in PERSONAS])[0]
