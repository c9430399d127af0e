"""What a bandit's state becomes by what is logged: a function of the log and the update's number.

It is learned anew from the log each time, so that what came late counts, what was erased does
not, and an update that was lost costs nothing but time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import numpy as np

from personalization.experiments.bandits.contextual import learned, models_of, vectors_of
from personalization.experiments.bandits.features import features_of_visitors
from personalization.experiments.bandits.log import Context, Log, arms_of, log_of
from personalization.experiments.bandits.policy import (
    CONTEXTUAL,
    THOMPSON,
    Features,
    floored,
    policy_of,
)
from personalization.experiments.bandits.thompson import LEAST_UNITS, Weighed, chances_of
from personalization.experiments.models import Experiment

#: Chances that move less than this are left as they are: every change has all pages made anew.
LEAST_MOVE: Final = 0.02
#: By so many of the newest contexts it is told how far chances move.
_LOOKED_AT: Final = 500


@dataclass(frozen=True, slots=True)
class Lesson:
    """The state that follows from the log, and how far the chances of visitors move by it, in
    the mean: by the arm that moves most."""

    content: dict[str, Any]
    moved: float
    #: The state could not be read as one of this bandit with these arms.
    is_new: bool

    @property
    def is_worth_it(self) -> bool:
        return self.is_new or self.moved >= LEAST_MOVE


def lesson_of(
    experiment: Experiment, content: Mapping[str, Any], *, number: int, now: datetime
) -> Lesson | None:
    """Return what is learned from the log by update `number`; None: nothing can be.

    The same log, state and number give the same lesson.
    """
    log = log_of(experiment, now=now)
    if log is None or len(log.arms) < 2:
        return None
    is_new = content.get("kind") != experiment.allocation or content.get("arms") != [*log.arms]
    if experiment.allocation in CONTEXTUAL:
        features = (None if is_new else _chosen(content)) or features_of_visitors(now=now)
        found = contextual_state(experiment.allocation, log, features)
    else:
        found = thompson_state(log, seed=seed_of(experiment, number))
    if found is None:
        return None
    weights = [arm.weight for arm in arms_of(experiment)]
    moved = _moved(content, found, log=log, weights=weights)
    return Lesson(found, moved, is_new)


def seed_of(experiment: Experiment, number: int) -> int:
    """Return what chance is drawn by in an update."""
    text = f"{experiment.seed or experiment.slug}:{number}"
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest())


def thompson_state(log: Log, *, seed: int) -> dict[str, Any]:
    """Return the state of a bandit that looks at nobody; without chances while it waits."""
    of_arm = [log.arm == arm for arm in range(len(log.arms))]
    chances = None
    if min(int(mine.sum()) for mine in of_arm) >= LEAST_UNITS:
        weighed = [Weighed.of(log.rewards[mine], log.probability[mine]) for mine in of_arm]
        chances = chances_of(weighed, rates=log.rates, seed=seed)
    return {
        "kind": THOMPSON,
        "arms": [*log.arms],
        "chances": None if chances is None else [*floored(chances.tolist())],
        "units": len(log),
    }


def contextual_state(kind: str, log: Log, features: Features | None) -> dict[str, Any] | None:
    """Return the state of a bandit that looks at features, from decisions with a context; None
    while there are no features to look at."""
    if features is None:
        return None
    told = [at for at, context in enumerate(log.contexts) if context is not None]
    vectors = vectors_of(features, _told(log))
    models = models_of(vectors, log.arm[told], log.rewards[told], n_arms=len(log.arms))
    return learned(kind, features, models, arms=log.arms, units=len(told))


def _chosen(content: Mapping[str, Any]) -> Features | None:
    try:
        return Features.from_json(content["features"])
    except (LookupError, TypeError, ValueError):
        return None


def _told(log: Log) -> list[Context]:
    return [context for context in log.contexts if context is not None]


def _moved(
    before: Mapping[str, Any], after: Mapping[str, Any], *, log: Log, weights: Sequence[float]
) -> float:
    kind = after["kind"]
    one, two = (
        policy_of(state, kind=kind, arms=log.arms, weights=weights) for state in (before, after)
    )
    contexts = _told(log)[-_LOOKED_AT:] or [{}]
    changes = [
        max(abs(a - b) for a, b in zip(one.weights(each), two.weights(each), strict=True))
        for each in contexts
    ]
    return float(np.mean(changes))
