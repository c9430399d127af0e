"""Into which arm of an experiment a visitor comes: pure, from what is published and who they are."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Protocol, TypeAlias

from personalization.experiments.bucketing import (
    Range,
    arm_at,
    bucket,
    in_namespace,
    ranges_of,
    total_of,
    weights_in_force,
)
from personalization.types import Microseconds


class Policy(Protocol):
    """How a bandit divides visitors, by what it has learned until it was published."""

    @property
    def names(self) -> tuple[str, ...]:
        """What of a context it looks at, and will learn from: nothing else is read or logged."""

    def weights(self, context: Mapping[str, float]) -> tuple[float, ...]:
        """Return the chance of each arm, in their order: none below its floor, 1 together.

        The same context, the same chances.
        """


@dataclass(frozen=True, slots=True)
class Choice:
    """An arm as it is published: `content` is what it shows, as `Arm.content` says it."""

    key: str
    content: str = ""


@dataclass(frozen=True, slots=True)
class Namespace:
    """The part of a namespace that an experiment holds for itself."""

    name: str
    held: Range


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """An experiment as it is published. `place` is empty where it is about all of them.

    `audience` is the slug of the segment whose members take part; empty: everybody does.
    `ramp` are later coverages, each with the instant from which it holds, in the order of time.
    """

    key: str
    kind: str
    arms: tuple[Choice, ...]
    weights: tuple[float, ...]
    place: str = ""
    seed: str = ""
    hash_version: int = 2
    coverage: float = 1.0
    ramp: tuple[tuple[Microseconds, float], ...] = ()
    namespace: Namespace | None = None
    audience: str = ""
    starts: Microseconds | None = None
    ends: Microseconds | None = None
    policy: Policy | None = None

    def covers(self, now: Microseconds) -> float:
        """Return the share of visitors that take part at `now`."""
        covered = self.coverage
        for since, share in self.ramp:
            if since <= now:
                covered = share
        return covered


@dataclass(frozen=True, slots=True)
class Assigned:
    """The arm of an experiment, or of a holdout, that a visitor is in.

    `probability` is the chance with which this visitor came into this arm rather than another;
    `context` is what a bandit looked at for it, as it was then.
    """

    experiment: str
    arm: str
    probability: float = 1.0
    context: Mapping[str, float] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class Entrant:
    """Who may take part. `unit` is what chance is drawn by, ASCII; `forced` is experiment → arm
    for who is to see one, whatever chance says, such as in a preview."""

    unit: str
    segments: frozenset[str] = frozenset()
    now: Microseconds = 0
    context: Mapping[str, float] = field(default_factory=dict)
    forced: Mapping[str, str] = field(default_factory=dict)


def assign(trial: Trial, entrant: Entrant) -> tuple[Choice, Assigned] | None:
    """Return the arm that the entrant is in; None for who does not take part.

    Nobody takes part where there are no two arms to compare. Who is forced into an arm does
    whatever the audience, the schedule and chance say; into one that there is not, nobody does.

    :raises ValueError: for a unit or a seed that is not ASCII.
    """
    if len(trial.arms) < 2:
        return None
    if (key := entrant.forced.get(trial.key)) is not None:
        forced = arm_of(trial, key)
        return None if forced is None else (forced, Assigned(trial.key, forced.key))
    if not runs(trial, now=entrant.now) or not _takes_part(trial, entrant):
        return None
    return drawn(trial, entrant)


def arm_of(trial: Trial, key: str) -> Choice | None:
    return next((arm for arm in trial.arms if arm.key == key), None)


def runs(trial: Trial, *, now: Microseconds) -> bool:
    """Return whether `now` is in the schedule: from its start on and before its end."""
    if trial.starts is not None and now < trial.starts:
        return False
    return trial.ends is None or now < trial.ends


def drawn(trial: Trial, entrant: Entrant) -> tuple[Choice, Assigned] | None:
    """Return the arm that chance says, among all that the experiment covers now."""
    ranges, chances = divided(trial, entrant)
    number = bucket(entrant.unit, seed=trial.seed or trial.key, version=trial.hash_version)
    if (place := arm_at(number, ranges)) is None:
        return None
    arm = trial.arms[place]
    return arm, Assigned(trial.key, arm.key, chances[place], looked_at(trial, entrant))


def looked_at(trial: Trial, entrant: Entrant) -> Mapping[str, float]:
    """Return what of the entrant a bandit looks at."""
    if trial.policy is None or not trial.policy.names:
        return {}
    context = entrant.context
    return {name: context[name] for name in trial.policy.names if name in context}


#: The buckets of each arm, and the chance of each for whoever is in one of them.
Division: TypeAlias = tuple[tuple[Range, ...], tuple[float, ...]]


def divided(trial: Trial, entrant: Entrant) -> Division:
    """Return how the arms are divided for an entrant, by what is stated or by a bandit."""
    n, coverage = len(trial.arms), trial.covers(entrant.now)
    if trial.policy is None:
        return _stated(n, coverage, trial.weights)
    return _division(n, coverage, trial.policy.weights(entrant.context))


def _division(n: int, coverage: float, weights: tuple[float, ...]) -> Division:
    weights = weights_in_force(n, weights)
    total = total_of(weights)
    ranges = ranges_of(n, coverage=coverage, weights=weights)
    return ranges, tuple(weight / total for weight in weights)


#: Stated weights are few, and asked for with every visitor; a bandit's may be others each time.
_stated = lru_cache(maxsize=1024)(_division)


def _takes_part(trial: Trial, entrant: Entrant) -> bool:
    if not entrant.unit:
        return False
    if trial.audience and trial.audience not in entrant.segments:
        return False
    space = trial.namespace
    return space is None or in_namespace(entrant.unit, space.name, space.held)


#: What the arms of a holdout are called.
SHOWN, HELD_OUT = "shown", "held_out"
#: What the holdout from everything is called.
GLOBAL = "global"
_BEYOND_ASCII = re.compile(r"[^\x00-\x7f]")


def holdout(name: str, *, unit: str, share: float) -> Assigned | None:
    """Return whether the unit is held out from what `name` says; None where nobody is.

    Of a larger share, those of a smaller one are held out too. Names may be of any characters:
    those beyond ASCII are hashed as JSON writes them, `\\u00e9`.
    """
    if share <= 0 or not unit:
        return None
    if bucket(unit, seed=f"holdout:{_plain(name)}") < share:
        return Assigned(name, HELD_OUT, share)
    return Assigned(name, SHOWN, 1 - share)


def _plain(name: str) -> str:
    """Return the name in ASCII; keys of contents come from templates and front ends."""
    if name.isascii():
        return name
    return _BEYOND_ASCII.sub(lambda found: json.dumps(found[0])[1:-1], name)
