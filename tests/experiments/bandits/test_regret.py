"""Bandits in worlds whose truth is known: what they lose beside the best arm for each visitor.

Every world runs for 25 updates of 120 visitors. Regret is what the best arm would have brought on
the average and was not earned, added up; equal shares lose the same with every visitor.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from personalization.experiments.bandits.learning import contextual_state, thompson_state
from personalization.experiments.bandits.log import Log
from personalization.experiments.bandits.policy import FLOOR, Features, policy_of

UPDATES, BATCH = 25, 120
ARMS = ("usual", "new", "newest")
FEATURES = Features(("visits", "segment.loyal"), (0.0, 0.5), (1.0, 0.5))
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class World:
    """What each arm brings in the mean, by the number of the update and who comes."""

    means: Callable[[int, dict[str, float]], list[float]]
    rates: bool = True


def _rates(update: int, visitor: dict[str, float]) -> list[float]:
    return [0.10, 0.16, 0.08]


def _worth(update: int, visitor: dict[str, float]) -> list[float]:
    return [20.0, 24.0, 18.0]


def _weekends(update: int, visitor: dict[str, float]) -> list[float]:
    """Now and then everybody buys three times as much."""
    return [(3.0 if update % 7 == 5 else 1.0) * rate for rate in (0.10, 0.15, 0.08)]


def _tastes(update: int, visitor: dict[str, float]) -> list[float]:
    """No arm is the best for all."""
    lean = 0.1 * np.clip(visitor["visits"], -1, 1)
    return [0.2 - lean, 0.2 + lean, 0.12 + 0.2 * visitor["segment.loyal"]]


@dataclass(frozen=True)
class Outcome:
    regret: float
    #: Of equal shares.
    equal: float
    #: The chances of the last visitors, (visitors, arms).
    last: Floats


@cache
def run(kind: str, world: World, *, seed: int) -> Outcome:
    rng = np.random.default_rng(seed)
    state: dict[str, Any] = {}
    arm, chance, value, contexts = [], [], [], []
    regret = equal = 0.0
    last: list[tuple[float, ...]] = []
    for update in range(UPDATES):
        policy = policy_of(state, kind=kind, arms=ARMS, weights=[1 / 3] * 3)
        last = []
        for _ in range(BATCH):
            visitor = {"visits": rng.normal(), "segment.loyal": float(rng.random() < 0.5)}
            means = world.means(update, visitor)
            chances = policy.weights(visitor)
            assert min(chances) >= FLOOR - 1e-12
            taken = int((rng.random() > np.cumsum(chances)[:-1]).sum())
            drawn = rng.random() < means[taken] if world.rates else rng.normal(means[taken], 10.0)
            regret += max(means) - means[taken]
            equal += max(means) - float(np.mean(means))
            arm.append(taken)
            chance.append(chances[taken])
            value.append(float(drawn))
            contexts.append(visitor)
            last.append(chances)
        log = Log(
            arms=ARMS,
            arm=np.array(arm),
            probability=np.array(chance),
            values=np.array(value),
            contexts=tuple(contexts),
            rates=world.rates,
        )
        if kind == "thompson":
            state = thompson_state(log, seed=update)
        else:
            state = contextual_state(kind, log, FEATURES) or {}
    return Outcome(regret, equal, np.array(last))


@pytest.mark.parametrize("world", [World(_rates), World(_worth, rates=False), World(_weekends)])
def test_thompson_loses_far_less_than_equal_shares(world: World) -> None:
    found = [run("thompson", world, seed=seed) for seed in range(2)]
    assert sum(one.regret for one in found) < 0.6 * sum(one.equal for one in found)
    assert np.mean([one.last[:, 1] for one in found]) > 0.8


@pytest.mark.parametrize("kind", ["linucb", "inverse_gap"])
def test_bandits_that_look_at_visitors_lose_far_less_than_equal_shares(kind: str) -> None:
    found = [run(kind, World(_tastes), seed=seed) for seed in range(2)]
    assert sum(one.regret for one in found) < 0.6 * sum(one.equal for one in found)


@pytest.mark.parametrize("kind", ["linucb", "inverse_gap"])
def test_where_no_arm_is_the_best_for_all_looking_at_visitors_pays(kind: str) -> None:
    by_who = sum(run(kind, World(_tastes), seed=seed).regret for seed in range(2))
    for_all = sum(run("thompson", World(_tastes), seed=seed).regret for seed in range(2))
    assert by_who < 0.8 * for_all


def test_arms_that_are_the_same_keep_more_than_their_floor() -> None:
    same = World(lambda update, visitor: [0.1, 0.1, 0.1])
    last = np.array([run("thompson", same, seed=seed).last[-1] for seed in range(2)])
    assert last.mean(axis=0) == pytest.approx([1 / 3] * 3, abs=0.3)
    assert last.max() < 0.98


@pytest.mark.parametrize("kind", ["thompson", "linucb", "inverse_gap"])
def test_the_same_seeds_give_the_same_course(kind: str) -> None:
    one, two = run(kind, World(_tastes), seed=0), run.__wrapped__(kind, World(_tastes), seed=0)
    assert one.regret == two.regret
    assert np.array_equal(one.last, two.last)
