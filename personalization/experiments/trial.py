"""Into which arm of an experiment a visitor comes: pure, from what is published and who they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from personalization.experiments.bucketing import Range, arm_at, bucket, in_namespace, ranges_of
from personalization.types import Microseconds


class Policy(Protocol):
    """How a bandit divides visitors, by what it has learned until it was published."""

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

    `probability` is the chance with which this visitor came into this arm rather than another.
    """

    experiment: str
    arm: str
    probability: float = 1.0


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
    """Return the arm that the entrant is in; None for who does not take part."""
    if (key := entrant.forced.get(trial.key)) is not None:
        arm = next((one for one in trial.arms if one.key == key), None)
        return None if arm is None else (arm, Assigned(trial.key, arm.key))
    if not _takes_part(trial, entrant):
        return None
    weights = trial.policy.weights(entrant.context) if trial.policy else trial.weights
    ranges = ranges_of(len(trial.arms), coverage=trial.covers(entrant.now), weights=weights)
    drawn = bucket(entrant.unit, seed=trial.seed or trial.key, version=trial.hash_version)
    if (place := arm_at(drawn, ranges)) is None:
        return None
    arm = trial.arms[place]
    return arm, Assigned(trial.key, arm.key, weights[place] / sum(weights))


def _takes_part(trial: Trial, entrant: Entrant) -> bool:
    if not entrant.unit:
        return False
    if trial.starts is not None and entrant.now < trial.starts:
        return False
    if trial.ends is not None and entrant.now >= trial.ends:
        return False
    if trial.audience and trial.audience not in entrant.segments:
        return False
    space = trial.namespace
    return space is None or in_namespace(entrant.unit, space.name, space.held)


#: What the arms of a holdout are called.
SHOWN, HELD_OUT = "shown", "held_out"
#: What the holdout from everything is called.
GLOBAL = "global"


def holdout(name: str, *, unit: str, share: float) -> Assigned | None:
    """Return whether the unit is held out from what `name` says; None where nobody is."""
    if share <= 0 or not unit:
        return None
    if bucket(unit, seed=f"holdout:{name}") < share:
        return Assigned(name, HELD_OUT, share)
    return Assigned(name, SHOWN, 1 - share)
