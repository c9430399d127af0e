"""Worlds in which the truth is known: what was planted is what has to be found."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from personalization.experiments.trial import HELD_OUT, SHOWN
from personalization.profiles.models import Identity
from tests.experiments.analysis.world import DAY, HOUR, MINUTE, START, World

ORDER = "Order Completed"


def plant(
    world: World,
    name: str,
    rates: Mapping[str, float],
    *,
    n: int,
    seed: int,
    chances: Mapping[str, float] | None = None,
    worth: float = 50.0,
    slot: str = "hero",
    before: float = 0.0,
) -> list[Identity]:
    """Have `n` people see `name`, each arm with its chance, and order by the rate of their arm.

    Orders are worth `worth` in the mean. With `before`, so many ordered in the week before, and
    they order more readily afterwards too.
    """
    rng = np.random.default_rng(seed)
    arms = list(rates)
    given = [(chances or dict.fromkeys(arms, 1 / len(arms)))[arm] for arm in arms]
    people = world.people(n)
    for who in people:
        arm = int(rng.choice(len(arms), p=given))
        at = START + DAY + float(rng.random()) * 5 * DAY
        rate = rates[arms[arm]]
        if before:
            ready = rng.random() < before
            rate *= 2 if ready else 0.5
            if ready:
                world.did(who, ORDER, at - DAY, total=worth)
        world.saw(who, name, arms[arm], at, chance=given[arm], slot=slot, variation="x")
        if rng.random() < rate:
            world.did(who, ORDER, at + HOUR, total=round(worth * float(rng.exponential()), 2))
        if rng.random() < 0.3:
            world.did(who, "Slot Clicked", at + MINUTE, slot=slot)
    return people


def plant_holdout(
    world: World, name: str, *, held_out: float, shown: float, n: int, seed: int, share: float = 0.5
) -> list[Identity]:
    """The same of a content that a share is held out from, by how many order."""
    slot = name.partition("/")[0]
    return plant(
        world,
        name,
        {HELD_OUT: held_out, SHOWN: shown},
        n=n,
        seed=seed,
        chances={HELD_OUT: share, SHOWN: 1 - share},
        slot=slot,
    )
