"""Plausible visitors of the last 60 days: the same seed and `now` give the same events."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from project.shop import properties
from project.shop.deciding import NOBODY, Site, looker_of
from project.shop.journey import Journey, Json, Shelves
from project.shop.models import Article, Product
from project.shop.personas import Persona, pick


@dataclass(frozen=True)
class Visitor:
    """Somebody simulated, with all they did."""

    id: str
    persona: Persona
    events: list[Json]


def simulate(
    *,
    seed: int,
    now: datetime,
    visitors: int,
    shelves: Shelves,
    site: Site | None = None,
    profiles: Mapping[str, int] = NOBODY,
) -> Iterator[Visitor]:
    """Yield `visitors` people, each drawn from the seed and its number alone.

    Those of whom the profile is known are shown what the `site` decides.
    """
    for number in range(1, visitors + 1):
        # One generator per visitor: a change to one persona leaves the others as they were.
        rng = random.Random(f"{seed}/{number}")  # noqa: S311 - nothing to guess
        persona = pick(rng)
        name = f"sim{number:04}-{seed}"
        journey = Journey(
            id=name, rng=rng, shelves=shelves, at=now, site=looker_of(site, profiles.get(name))
        )
        for visit, at in enumerate(visit_times(rng, persona=persona, now=now)):
            journey.start(at)
            persona.visit(journey, visit)
        yield Visitor(journey.id, persona, journey.events)


def visit_times(rng: random.Random, *, persona: Persona, now: datetime) -> list[datetime]:
    """Return when the visits of a persona begin, at least two hours apart, in order."""
    n = rng.randint(*persona.visits)
    span = persona.first - persona.last
    days = [persona.last + span * (index + rng.random()) / n for index in range(n)]
    moments = [now - timedelta(days=days_ago) for days_ago in reversed(days)]
    gap = timedelta(hours=2)
    for index in range(len(moments) - 2, -1, -1):
        moments[index] = min(moments[index], moments[index + 1] - gap)
    return moments


def shop_shelves() -> Shelves:
    """Return what the shop has to look at, from its database."""
    products = Product.objects.select_related("category")
    return Shelves(
        products=[properties.of_product(product) for product in products],
        articles=[properties.of_article(article) for article in Article.objects.all()],
    )
