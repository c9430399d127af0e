"""What an experiment would have earned with other shares, for the admin and the API.

Numbers alone, from the log of its decisions; where it tells too little of a policy, none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from personalization.experiments.bandits.contextual import vectors_of
from personalization.experiments.bandits.log import Log, arms_of, log_of
from personalization.experiments.bandits.policy import (
    BanditPolicy,
    Features,
    InverseGap,
    Optimist,
    Waiting,
)
from personalization.experiments.bucketing import weights_in_force
from personalization.experiments.models import Experiment
from personalization.experiments.ope import (
    Decisions,
    Estimate,
    always,
    dr,
    expected_of,
    fixed,
    ips,
    mean_of,
    snips,
    weights_of,
)
from personalization.experiments.results import LEAST_UNITS
from personalization.experiments.running import trial_of

Floats = NDArray[np.float64]

#: Policies that are none of an arm: that of the log itself, its mean shares, and the bandit.
LOGGED, SHARES, BANDIT = "logged", "shares", "bandit"
#: Before the key of an arm: that arm for everybody.
ALWAYS: Final = "always:"


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyValue:
    """What a visitor would have brought under a policy: `logged` (as it was), `always:<arm>`,
    `shares` (the shares of now, for whoever comes), or `bandit` (that of now, by who they are).

    Of `units` visitors in the log, as much is told as by `effective_units` whom the policy
    itself had shown something; `most_weight` is what the one who counts most counts, and
    `clipped` the share of those who would have counted more than that of `ope.MOST_WEIGHT`.
    Estimates are None where fewer than `LEAST_UNITS` effective ones are left.
    """

    policy: str
    units: int
    effective_units: float
    most_weight: float
    clipped: float
    ips: Estimate | None = None
    snips: Estimate | None = None
    dr: Estimate | None = None

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> PolicyValue:
        estimates = {
            name: Estimate(**told[name]) if told[name] is not None else None
            for name in ("ips", "snips", "dr")
        }
        return cls(**{**told, **estimates})


@dataclass(frozen=True, slots=True)
class Policies:
    """What a finding `policies:<slug>` holds."""

    policies: tuple[PolicyValue, ...]

    def to_json(self) -> dict[str, Any]:
        return {"policies": [one.to_json() for one in self.policies]}


def policies_found(experiment: Experiment, *, now: datetime) -> Policies:
    """Return the same as `what_if`, to be kept in a finding."""
    return Policies(tuple(what_if(experiment, now=now)))


def what_if(experiment: Experiment, *, now: datetime) -> list[PolicyValue]:
    """Return what each policy would have earned, by the metric that decides.

    Visitors count whose window is over, each by their first decision. Empty without a metric,
    without arms, or while nobody is in the log.
    """
    log = log_of(experiment, now=now)
    if log is None or len(log.arms) < 2 or not len(log):
        return []
    policy = _policy(experiment)
    features = policy.features if isinstance(policy, Optimist | InverseGap | Waiting) else None
    contexts = [context or {} for context in log.contexts]
    decisions = Decisions(
        arm=log.arm,
        chance=log.probability,
        reward=log.values,
        vectors=vectors_of(features or Features(), contexts),
        n_arms=len(log.arms),
    )
    expected = expected_of(decisions)
    values = [
        _value(name, decisions, chances, expected)
        for name, chances in _policies(experiment, log, policy, contexts).items()
    ]
    return [_as_it_was(decisions), *values]


def _policy(experiment: Experiment) -> BanditPolicy | None:
    policy = trial_of(experiment).policy
    return policy if isinstance(policy, BanditPolicy) else None


def _policies(
    experiment: Experiment,
    log: Log,
    policy: BanditPolicy | None,
    contexts: Sequence[Mapping[str, float]],
) -> dict[str, Floats]:
    """Return the chances of the arms under each policy, (visitors, arms)."""
    n, n_arms = len(log), len(log.arms)
    found = {
        f"{ALWAYS}{arm}": always(place, n=n, n_arms=n_arms) for place, arm in enumerate(log.arms)
    }
    if policy is None:
        shares = weights_in_force(n_arms, [arm.weight for arm in arms_of(experiment)])
        return {**found, SHARES: fixed(shares, n=n)}
    chances = np.array([policy.weights(context) for context in contexts], np.float64)
    found[SHARES] = fixed(chances.mean(axis=0), n=n)
    return {**found, BANDIT: chances} if policy.names else found


def _as_it_was(decisions: Decisions) -> PolicyValue:
    n = len(decisions)
    found = mean_of(decisions.reward) if n >= LEAST_UNITS else None
    return PolicyValue(
        policy=LOGGED, units=n, effective_units=n, most_weight=1.0, clipped=0.0,
        ips=found, snips=found, dr=found,
    )  # fmt: skip


def _value(name: str, decisions: Decisions, chances: Floats, expected: Floats) -> PolicyValue:
    weights = weights_of(decisions, chances)
    is_told = weights.effective >= LEAST_UNITS
    return PolicyValue(
        policy=name,
        units=len(decisions),
        effective_units=weights.effective,
        most_weight=weights.most,
        clipped=weights.clipped,
        ips=ips(decisions, weights) if is_told else None,
        snips=snips(decisions, weights) if is_told else None,
        dr=dr(decisions, chances, weights, expected=expected) if is_told else None,
    )
