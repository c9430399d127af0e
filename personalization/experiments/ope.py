"""What another policy would have earned, from decisions whose chances were logged. Pure.

Of a decision for context x, arm a was taken with chance p(a | x) and brought r. A policy that
would have taken it with chance π(a | x) is estimated with the weight w = π / p by

- IPS: mean(w r). Right on average, whatever the truth is; it varies the most.
- SNIPS: sum(w r) / sum(w) (Swaminathan and Joachims, NIPS 2015). Nearly right, and varies less;
  of rewards that are all the same it makes that same number.
- DR: mean(Σ_a π(a | x) q(x, a) + w (r - q(x, a))) (Dudík, Langford and Li, ICML 2011), where q is
  what a ridge regression says that an arm brings. Right on average if either p or q is; the
  better q is, the less it varies. q is cross-fitted: no decision is judged by a model that
  learned from it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final

import numpy as np
from numpy.typing import NDArray

from personalization.experiments.bandits.ridge import Ridge

Floats = NDArray[np.float64]

#: A weight above this counts as this: as many as a chance at the floor of bandits has.
MOST_WEIGHT: Final = 100.0
#: How many parts decisions are divided into to fit q.
FOLDS: Final = 5
_LEVEL: Final = 0.95


@dataclass(frozen=True, kw_only=True)
class Decisions:
    """`n` decisions. `arm` are places of arms, `chance` those with which they were taken, in
    (0, 1]; `vectors` (n, d) are the contexts, of which the first number is 1.

    :raises ValueError: for arrays that do not fit, or chances that are none.
    """

    arm: NDArray[np.intp]
    chance: Floats
    reward: Floats
    vectors: Floats
    n_arms: int

    def __post_init__(self) -> None:
        if not len(self.arm) == len(self.chance) == len(self.reward) == len(self.vectors):
            raise ValueError("There must be an arm, a chance, a reward and a vector each.")
        if len(self.arm) and not (self.chance.min() > 0 and self.chance.max() <= 1 + 1e-9):
            raise ValueError("A decision that was taken had a chance above 0, and 1 at most.")
        if len(self.arm) and not 0 <= self.arm.min() <= self.arm.max() < self.n_arms:
            raise ValueError("There is no such arm.")

    def __len__(self) -> int:
        return len(self.arm)


@dataclass(frozen=True, slots=True)
class Weights:
    """How decisions count for another policy. `effective` is how many equal ones would tell as
    much, (Σ w)² / Σ w² (Kish); `most` is the largest weight before any was cut; `clipped` is the
    share of those that were."""

    each: Floats
    effective: float
    most: float
    clipped: float


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a decision of a policy brings, with its standard error and an interval of 95 %, by
    the normal distribution."""

    value: float
    error: float
    low: float
    high: float


def weights_of(decisions: Decisions, chances: Floats, *, most: float = MOST_WEIGHT) -> Weights:
    """Return the weights of a policy whose `chances` of the arms, (n, arms), are these."""
    raw = chances[np.arange(len(decisions)), decisions.arm] / decisions.chance
    each = np.minimum(raw, most)
    squares = float(each @ each)
    return Weights(
        each=each,
        effective=float(each.sum()) ** 2 / squares if squares > 0 else 0.0,
        most=float(raw.max(initial=0.0)),
        clipped=float((raw > most).mean()) if len(raw) else 0.0,
    )


def ips(decisions: Decisions, weights: Weights) -> Estimate:
    """:raises ValueError: for fewer than two decisions, as all of them do."""
    return mean_of(weights.each * decisions.reward)


def snips(decisions: Decisions, weights: Weights) -> Estimate:
    """:raises ValueError: also where no decision is one that the policy would take."""
    total = float(weights.each.sum())
    if not total > 0:
        raise ValueError("The policy would have taken none of these decisions.")
    value = float(weights.each @ decisions.reward) / total
    # By the delta method: the mean of w (r - value), over that of w.
    linear = weights.each * (decisions.reward - value) * len(decisions) / total
    return _around(value, mean_of(linear).error)


def dr(decisions: Decisions, chances: Floats, weights: Weights, *, expected: Floats) -> Estimate:
    """Return the estimate by what each arm is `expected` to bring, (n, arms)."""
    taken = expected[np.arange(len(decisions)), decisions.arm]
    by_model = (chances * expected).sum(axis=1)
    return mean_of(by_model + weights.each * (decisions.reward - taken))


def expected_of(decisions: Decisions, *, folds: int = FOLDS) -> Floats:
    """Return what each arm would have brought in each decision, (n, arms), by models that
    learned from the others.

    Every `folds`-th decision belongs together; of an arm that nobody else was in, the mean of
    all is expected.
    """
    n = len(decisions)
    fold = np.arange(n) % folds
    expected = np.zeros((n, decisions.n_arms))
    for which in range(min(folds, n)):
        judged, others = fold == which, fold != which
        mean = float(decisions.reward[others].mean()) if others.any() else 0.0
        for arm in range(decisions.n_arms):
            mine = others & (decisions.arm == arm)
            model = Ridge.of(decisions.vectors[mine], decisions.reward[mine] - mean)
            expected[judged, arm] = mean + model.values(decisions.vectors[judged])
    return expected


def always(arm: int, *, n: int, n_arms: int) -> Floats:
    """Return the chances of a policy that always takes one arm, (n, arms)."""
    return fixed([float(place == arm) for place in range(n_arms)], n=n)


def fixed(shares: Sequence[float], *, n: int) -> Floats:
    """Return the chances of a policy that looks at nobody, (n, arms)."""
    return np.tile(np.asarray(shares, np.float64), (n, 1))


def mean_of(values: Floats) -> Estimate:
    """Return what was earned as it was.

    :raises ValueError: for fewer than two values.
    """
    if len(values) < 2:
        raise ValueError("Of fewer than two decisions nobody can tell how sure it is.")
    return _around(float(values.mean()), float(values.std(ddof=1)) / float(np.sqrt(len(values))))


def _around(value: float, error: float) -> Estimate:
    wide = NormalDist().inv_cdf((1 + _LEVEL) / 2) * error
    return Estimate(value, error, value - wide, value + wide)
