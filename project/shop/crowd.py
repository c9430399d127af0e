"""People whose orders depend on what they were shown: how much is planted, so it can be found.

What they are shown is the site's decision (`deciding`), with its holdouts and experiments. Then
an order is drawn with a probability that is a formula (`chance`) of what they did and of what
they have seen. Beside it stands what the probability would have been had they seen the other
thing: the mean of the differences is what the content earns, whoever happened to see it. No
analysis is told any of this; it has the events alone.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from statistics import fmean

from personalization.delivery.choose import Decision
from personalization.delivery.published import Place
from project.shop.deciding import NOBODY, Site, looker_of
from project.shop.journey import Journey, Json, Shelves
from project.shop.personas import price

#: First visits begin so long before now, and no later: all that follows from them is over then.
_SPAN = (timedelta(days=5, hours=12), timedelta(days=59))
#: An order follows so soon upon what was seen.
_SOON = (240, 2400)
#: What a product that was looked at adds to the log odds of an order.
PER_PRODUCT = 0.1
#: How likely somebody whose cart holds something takes one thing more before the order.
ANOTHER = 0.3


@dataclass(frozen=True, kw_only=True)
class Effect:
    """What it adds to the log odds of an order to see, in a slot, what is for a segment."""

    slot: str
    segment: str
    log_odds: float


#: The hero reminds of the cart; the strip pushes people who take their time; and everybody likes
#: to know where the cheap things are. Whatever else the site shows has no effect at all.
EFFECTS = (
    Effect(slot="hero", segment="cart-abandoners", log_odds=1.2),
    Effect(slot="home-strip", segment="browsers", log_odds=-2.0),
    Effect(slot="category-banner", segment="bargain-hunters", log_odds=1.1),
)


@dataclass(frozen=True, kw_only=True)
class Kind:
    """What people of one kind do on the first visit, and how keen they are on the second.

    `pause` are the hours in between, `keen` the log odds of an order with nothing looked at.
    """

    name: str
    share: float
    visit: Callable[[Journey], int]
    pause: tuple[int, int]
    keen: float


def waver(journey: Journey) -> int:
    """Put something into the cart and go; return how many products were looked at."""
    journey.page("/", "Larkfell")
    product = journey.rng.choice(usual(journey.shelves))
    journey.look_at(product)
    journey.take(product)
    return 1


def take_time(journey: Journey) -> int:
    """Look at five or six things of one department and leave."""
    journey.page("/", "Larkfell")
    category = journey.rng.choice(journey.shelves.categories)
    journey.look_through(category)
    shelf = [each for each in journey.shelves.products if each["category"] == category]
    products = journey.rng.sample(shelf, min(journey.rng.randint(5, 6), len(shelf)))
    for product in products:
        journey.look_at(product)
    return len(products)


def usual(shelves: Shelves) -> list[Json]:
    """Return what is neither cheap nor dear: that is what they buy, so that what a hundred of
    them spend says something."""
    ordered = sorted(shelves.products, key=price)
    quarter = len(ordered) // 4
    return ordered[quarter : len(ordered) - quarter]


KINDS = (
    Kind(name="waverer", share=0.5, visit=waver, pause=(2, 20), keen=-1.4),
    Kind(name="slow decider", share=0.5, visit=take_time, pause=(20, 90), keen=-1.0),
)


@dataclass(frozen=True, kw_only=True)
class Fork:
    """Where chance decided what somebody saw: `name` is that of an experiment or a holdout.

    `seen` and `unseen` are the probabilities of an order either way, all else being as it was.
    """

    name: str
    arm: str
    seen: float
    unseen: float


@dataclass(kw_only=True)
class Passer:
    """Somebody of the crowd with all they did, and the truth about it."""

    id: str
    kind: Kind
    events: list[Json] = field(default_factory=list)
    forks: list[Fork] = field(default_factory=list)
    chance: float = 0.0
    orders: bool = False


def chance(kind: Kind, *, products: int, seen: Iterable[Effect] = ()) -> float:
    """Return the probability of an order on the second visit: the truth.

    `products` are those that were looked at on the first one; `seen` is what was shown.
    """
    odds = kind.keen + PER_PRODUCT * products + sum(effect.log_odds for effect in seen)
    return 1 / (1 + math.exp(-odds))


def uplift(people: Iterable[Passer], name: str) -> float:
    """Return how much more likely an order was for who saw it, over all whom chance decided about.

    :raises statistics.StatisticsError: where nobody was.
    """
    return fmean(
        fork.seen - fork.unseen
        for somebody in people
        for fork in somebody.forks
        if fork.name == name
    )


def crowd(
    *,
    seed: int,
    now: datetime,
    visitors: int,
    shelves: Shelves,
    site: Site | None = None,
    profiles: Mapping[str, int] = NOBODY,
) -> Iterator[Passer]:
    """Yield `visitors` people, each drawn from the seed and its number alone.

    Those of whom the profile is known are shown what the `site` decides; to the others nothing
    has any effect.
    """
    effects = planted_effects(site) if site is not None else {}
    for number in range(1, visitors + 1):
        rng = random.Random(f"crowd/{seed}/{number}")  # noqa: S311 - nothing to guess
        kind = rng.choices(KINDS, weights=[each.share for each in KINDS])[0]
        somebody = Passer(id=f"crowd{number:05}-{seed}", kind=kind)
        looker = looker_of(site, profiles.get(somebody.id))
        journey = Journey(id=somebody.id, rng=rng, shelves=shelves, at=now, site=looker)
        least, most = _SPAN
        journey.start(now - least - (most - least) * rng.random())
        _live(somebody, journey, effects)
        somebody.events = journey.events
        yield somebody


def _live(somebody: Passer, journey: Journey, effects: Mapping[str, Effect]) -> None:
    rng, kind = journey.rng, somebody.kind
    products = kind.visit(journey)
    journey.start(journey.at + timedelta(hours=rng.uniform(*kind.pause)))
    journey.page("/", "Larkfell")
    seen = {effect for effect in effects.values() if _saw(effect, journey.seen, effects)}
    somebody.chance = chance(kind, products=products, seen=seen)
    somebody.forks = list(_forks(kind, products, seen, journey.seen, effects))
    somebody.orders = rng.random() < somebody.chance
    if somebody.orders:
        journey.wait(*_SOON)
        if not journey.cart or rng.random() < ANOTHER:
            journey.take(rng.choice(usual(journey.shelves)))
        journey.order()


# -- what chance decided ---------------------------------------------------------------------


def planted_effects(site: Site) -> Mapping[str, Effect]:
    """Return what has an effect on this site, by the names under which chance decides about it.

    Those are the holdouts of contents, `slot/key`, and the experiments whose arms show them.
    """
    found: dict[str, Effect] = {}
    for effect in EFFECTS:
        place = site.place(effect.slot)
        for candidate in place.candidates:
            if effect.segment in candidate.segments:
                found[f"{effect.slot}/{candidate.key}"] = effect
                found |= dict.fromkeys(_experiments(place, candidate.key), effect)
    return found


def _experiments(place: Place, key: str) -> Iterator[str]:
    for trial in place.trials:
        if any(arm.content == key for arm in trial.arms):
            yield trial.key


def _saw(effect: Effect, seen: Mapping[str, Decision], effects: Mapping[str, Effect]) -> bool:
    decision = seen.get(effect.slot)
    return decision is not None and any(
        effects.get(f"{decision.slot}/{candidate.key}") == effect
        for candidate in decision.candidates
    )


def _forks(
    kind: Kind,
    products: int,
    seen: set[Effect],
    shown: Mapping[str, Decision],
    effects: Mapping[str, Effect],
) -> Iterator[Fork]:
    for decision in shown.values():
        for one in decision.assigned:
            if (effect := effects.get(one.experiment)) is not None:
                yield Fork(
                    name=one.experiment,
                    arm=one.arm,
                    seen=chance(kind, products=products, seen=seen | {effect}),
                    unseen=chance(kind, products=products, seen=seen - {effect}),
                )
