"""How a bandit divides visitors by what it has learned: read from its state, without numpy.

Pages are decided by this module, and only by it: the same state and the same visitor give the
same chances, in every process. Whatever a state holds, no arm has less than `FLOOR` and all
have 1 together, so that what is logged can tell what any other policy would have earned.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import fsum, hypot, isfinite
from operator import mul
from typing import Any, Final, TypeGuard

from personalization.experiments.bucketing import equal_weights

#: The least chance of an arm; with more than a hundred of them, all have the same.
FLOOR: Final = 0.01
#: How far from the mean a feature counts, in standard deviations: one visitor who is far out
#: must not decide what all others see.
FARTHEST: Final = 5.0
#: What a bandit is, by `Experiment.allocation`.
THOMPSON, LINUCB, INVERSE_GAP = "thompson", "linucb", "inverse_gap"
CONTEXTUAL: Final = frozenset({LINUCB, INVERSE_GAP})
#: Before the slug of a segment, where membership is a feature: 1 for a member, else 0.
SEGMENT: Final = "segment."
#: Beyond this no number of a state is believed: squares of it are still numbers.
_LARGEST: Final = 1e100


def floored(chances: Sequence[float], *, floor: float = FLOOR) -> tuple[float, ...]:
    """Return the chances with `floor` added to each of what is left: `floor + (1 - k floor) c`.

    As GrowthBook does it (gbstats 0.8). Chances need not add up to 1; those that say nothing
    count as equal.
    """
    n, total = len(chances), fsum(chances)
    floor = max(floor, 0.0)
    if n * floor >= 1 or not total > 0 or min(chances) < 0 or not isfinite(total):
        return equal_weights(n)
    return tuple(floor + (1 - n * floor) * (chance / total) for chance in chances)


@dataclass(frozen=True, slots=True)
class Shares:
    """The same chances for everybody."""

    chances: tuple[float, ...]
    names: tuple[str, ...] = ()

    def weights(self, context: Mapping[str, float]) -> tuple[float, ...]:
        return self.chances


@dataclass(frozen=True, slots=True)
class Model:
    """What an arm is worth to whom, by the vector of a context: `weights · vector`.

    `root` is the lower triangle of L⁻¹, where L Lᵀ is the ridge matrix: the square of what is
    not known of a vector x, xᵀA⁻¹x, is |L⁻¹x|².
    """

    weights: tuple[float, ...]
    root: tuple[tuple[float, ...], ...] = ()

    def value(self, vector: Sequence[float]) -> float:
        return float(sum(map(mul, self.weights, vector)))

    def doubt(self, vector: Sequence[float]) -> float:
        # A row is as long as it has numbers: `map` ends with the shorter one.
        return hypot(*(sum(map(mul, row, vector)) for row in self.root))


@dataclass(frozen=True, slots=True)
class Features:
    """What of a context counts, in which order, and how it is made comparable."""

    names: tuple[str, ...] = ()
    means: tuple[float, ...] = ()
    scales: tuple[float, ...] = ()

    def vector(self, context: Mapping[str, float]) -> tuple[float, ...]:
        """Return 1, then each feature in standard deviations from its mean; 0 for one missing."""
        numbers = zip(self.names, self.means, self.scales, strict=True)
        return (1.0, *(_standard(context.get(name), mean, scale) for name, mean, scale in numbers))

    def to_json(self) -> dict[str, Any]:
        return {"names": [*self.names], "means": [*self.means], "scales": [*self.scales]}

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> Features:
        """:raises ValueError: if it is not what `to_json` writes (KeyError, TypeError too)."""
        names = tuple(str(name) for name in told["names"])
        means, scales = _numbers(told["means"]), _numbers(told["scales"])
        if not len(names) == len(means) == len(scales) or min(scales, default=1.0) <= 0:
            raise ValueError("There must be one mean and one scale above 0 for each feature.")
        return cls(names, means, scales)


def _standard(value: float | None, mean: float, scale: float) -> float:
    if value is None or not isfinite(value):
        return 0.0
    return min(max((value - mean) / scale, -FARTHEST), FARTHEST)


@dataclass(frozen=True, slots=True)
class Optimist:
    """LinUCB (Li et al. 2010, arXiv 1003.0146): the arm whose value may be the highest.

    That arm has all but the floors of the others; arms that are even share it. So the chance
    that is logged is one that a visitor really had.
    """

    features: Features
    models: tuple[Model, ...]
    #: How many standard errors of its value an arm is credited with.
    bonus: float

    @property
    def names(self) -> tuple[str, ...]:
        return self.features.names

    def scores(self, context: Mapping[str, float]) -> tuple[float, ...]:
        vector = self.features.vector(context)
        return tuple(
            model.value(vector) + self.bonus * model.doubt(vector) for model in self.models
        )

    def weights(self, context: Mapping[str, float]) -> tuple[float, ...]:
        scores = self.scores(context)
        best = max(scores)
        return floored([float(score == best) for score in scores])


@dataclass(frozen=True, slots=True)
class InverseGap:
    """Inverse-gap weighting (Simchi-Levi and Xu 2020, arXiv 2003.12699): 1 / (K + γ gap) for
    each arm but the best, which has the rest. The more is known (`gamma`), the less is tried."""

    features: Features
    models: tuple[Model, ...]
    gamma: float

    @property
    def names(self) -> tuple[str, ...]:
        return self.features.names

    def scores(self, context: Mapping[str, float]) -> tuple[float, ...]:
        vector = self.features.vector(context)
        return tuple(model.value(vector) for model in self.models)

    def weights(self, context: Mapping[str, float]) -> tuple[float, ...]:
        return by_gap(self.scores(context), gamma=self.gamma)


def by_gap(scores: Sequence[float], *, gamma: float, floor: float = FLOOR) -> tuple[float, ...]:
    """Return the chance of each arm by its score: the first of the best ones has the rest."""
    n = len(scores)
    best = max(range(n), key=scores.__getitem__)
    least = min(floor, 1 / n)
    gaps = [scores[best] - score for score in scores]
    chances = [max(1 / (n + gamma * gap), least) for gap in gaps]
    chances[best] = 0.0
    chances[best] = 1 - fsum(chances)
    return tuple(chances)


@dataclass(frozen=True, slots=True)
class Waiting:
    """A bandit that looks at who somebody is, and has not seen enough yet: the shares it was
    started with, with the context logged that it will learn from."""

    features: Features
    chances: tuple[float, ...]

    @property
    def names(self) -> tuple[str, ...]:
        return self.features.names

    def weights(self, context: Mapping[str, float]) -> tuple[float, ...]:
        return self.chances


def context_of(
    names: Iterable[str], *, features: Mapping[str, Any], segments: Container[str]
) -> dict[str, float]:
    """Return what `names` ask of a visitor: numbers among the features of their snapshot, and
    whether they are in segments, by slug. What the snapshot has no number for is left out."""
    found: dict[str, float] = {}
    for name in names:
        if name.startswith(SEGMENT):
            found[name] = float(name.removeprefix(SEGMENT) in segments)
        elif is_number(value := features.get(name)):
            found[name] = value
    return found


def is_number(value: Any) -> TypeGuard[float]:
    """Return whether a value of some JSON is one to count with."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= _LARGEST


BanditPolicy = Shares | Optimist | InverseGap | Waiting


def policy_of(
    content: Any, *, kind: str, arms: Sequence[str], weights: Sequence[float]
) -> BanditPolicy:
    """Return the policy that a state holds for these arms, by their keys.

    A state that was learned by another kind of bandit or with other arms, that is empty or that
    nobody can read stands for what the experiment starts with: its `weights`, none below the
    floor.
    """
    start = floored(weights)
    try:
        if content["kind"] != kind or [*content["arms"]] != [*arms]:
            return Shares(start)
        return _read(content, n=len(arms), start=start)
    except (AttributeError, LookupError, TypeError, ValueError):
        return Shares(start)


def _read(content: Mapping[str, Any], *, n: int, start: tuple[float, ...]) -> BanditPolicy:
    kind = content["kind"]
    if kind == THOMPSON:
        chances = content["chances"]
        return Shares(start if chances is None else floored_numbers(chances, n=n))
    features = Features.from_json(content["features"])
    if content["models"] is None:
        return Waiting(features, start)
    models = tuple(_model(one, n=len(features.names) + 1) for one in content["models"])
    if len(models) != n:
        raise ValueError("There must be one model for each arm.")
    if kind == LINUCB:
        return Optimist(features, models, _number(content["bonus"]))
    if kind == INVERSE_GAP:
        return InverseGap(features, models, max(_number(content["gamma"]), 0.0))
    raise ValueError(f"There is no bandit {kind!r}.")


def floored_numbers(chances: Any, *, n: int) -> tuple[float, ...]:
    """Return chances that a state holds as they are, or with the floor where they lack it.

    :raises ValueError: if they are not `n` chances.
    """
    numbers = _numbers(chances)
    if len(numbers) != n or min(numbers) < 0 or abs(fsum(numbers) - 1) > 1e-6:
        raise ValueError(f"There must be {n} chances that add up to 1.")
    return numbers if min(numbers) >= FLOOR else floored(numbers)


def _model(told: Mapping[str, Any], *, n: int) -> Model:
    weights, rows = _numbers(told["weights"]), told.get("root") or ()
    root = tuple(_numbers(row) for row in rows)
    if len(weights) != n or (root and [*map(len, root)] != [*range(1, n + 1)]):
        raise ValueError(f"A model must have {n} weights.")
    return Model(weights, root)


def _numbers(told: Any) -> tuple[float, ...]:
    return tuple(_number(one) for one in told)


def _number(told: Any) -> float:
    if not is_number(told):
        raise ValueError(f"{told!r} is not a number to count with.")
    return float(told)
