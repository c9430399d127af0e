"""What the bandits learn that look at who a visitor is: LinUCB and inverse-gap weighting. Pure.

Rewards count in standard deviations from the mean of all arms, so that one bonus and one γ
are right for a rate of 2 % and for a basket of 80.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from personalization.experiments.bandits.policy import (
    FARTHEST,
    INVERSE_GAP,
    LINUCB,
    Features,
)
from personalization.experiments.bandits.ridge import Floats, Ridge
from personalization.experiments.bandits.thompson import LEAST_UNITS

#: How many standard errors of its value LinUCB credits an arm with.
BONUS: Final = 1.0


def vectors_of(features: Features, contexts: Sequence[Mapping[str, float]]) -> Floats:
    """Return the vectors of contexts, (n, 1 + features): the same as `Features.vector` gives."""
    found = np.ones((len(contexts), 1 + len(features.names)))
    columns = zip(features.names, features.means, features.scales, strict=True)
    for place, (name, mean, scale) in enumerate(columns, start=1):
        stated = np.array([context.get(name, np.nan) for context in contexts], np.float64)
        with np.errstate(over="ignore"):  # as on pages: what is beyond all numbers is the farthest
            standard = np.clip((stated - mean) / scale, -FARTHEST, FARTHEST)
        found[:, place] = np.where(np.isfinite(stated), standard, 0.0)
    return found


def models_of(
    vectors: Floats, arms: NDArray[np.intp], rewards: Floats, *, n_arms: int
) -> list[Ridge] | None:
    """Return what each arm is worth; None while there are too few visitors in one of them, or
    all bring the same.

    `arms` are places of arms, one for each of the rewards.
    """
    counts = np.bincount(arms, minlength=n_arms)
    deviation = float(rewards.std()) if len(rewards) else 0.0
    if counts.min() < LEAST_UNITS or not deviation > 0:
        return None
    standard = (rewards - rewards.mean()) / deviation
    return [Ridge.of(vectors[arms == arm], standard[arms == arm]) for arm in range(n_arms)]


def gamma_of(*, arms: int, units: int, dimensions: int) -> float:
    """Return γ = √(K n / d), which grows with what is known (Simchi-Levi and Xu 2020, with the
    error of a linear regression): a gap as large as the error of its estimate makes the chance
    of an arm half of an equal one."""
    return float(np.sqrt(arms * units / dimensions))


def learned(
    kind: str,
    features: Features,
    models: Sequence[Ridge] | None,
    *,
    arms: Sequence[str],
    units: int,
) -> dict[str, Any]:
    """Return the state of a bandit, as `policy_of` reads it."""
    state: dict[str, Any] = {
        "kind": kind,
        "arms": [*arms],
        "features": features.to_json(),
        "models": None if models is None else [model.to_json() for model in models],
        "units": units,
    }
    if kind == LINUCB:
        state["bonus"] = BONUS
    if kind == INVERSE_GAP:
        dimensions = 1 + len(features.names)
        state["gamma"] = gamma_of(arms=len(arms), units=units, dimensions=dimensions)
        for model in state["models"] or ():
            del model["root"]  # it is not asked how sure it is
    return state
