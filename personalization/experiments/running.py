"""The experiments that run now, as pages are decided by them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db.models import Prefetch, QuerySet

from personalization.clock import microseconds
from personalization.experiments.bandits.policy import policy_of
from personalization.experiments.bucketing import Range
from personalization.experiments.models import Arm, BanditState, Experiment
from personalization.experiments.trial import Choice, Namespace, Policy, Trial


def running_trials() -> tuple[Trial, ...]:
    """Return all that run, the oldest first (two queries)."""
    return trials_of(Experiment.objects.running().order_by("started_at", "pk"))


def trials_of(experiments: QuerySet[Experiment]) -> tuple[Trial, ...]:
    """Return experiments as they are published, or would be (two queries)."""
    arms = Prefetch("arms", Arm.objects.order_by("position", "pk"))
    rows = experiments.select_related("audience", "bandit").prefetch_related(arms)
    return tuple(trial_of(row) for row in rows)


def trial_of(experiment: Experiment) -> Trial:
    """Return an experiment as it is published, with the arms that were read along."""
    arms: Iterable[Any] = experiment.arms.all()
    audience: Any = experiment.audience
    held = Range(experiment.namespace_from, experiment.namespace_until)
    return Trial(
        key=experiment.slug,
        kind=experiment.kind,
        arms=tuple(Choice(arm.key, arm.content) for arm in arms),
        weights=tuple(arm.weight for arm in arms),
        place=experiment.place,
        seed=experiment.seed or experiment.slug,
        hash_version=experiment.hash_version,
        coverage=experiment.coverage,
        ramp=tuple(
            (microseconds(datetime.fromisoformat(since)), share) for since, share in experiment.ramp
        ),
        namespace=Namespace(experiment.namespace, held) if experiment.namespace else None,
        audience=audience.slug if audience else "",
        starts=microseconds(experiment.starts_at) if experiment.starts_at else None,
        ends=microseconds(experiment.ends_at) if experiment.ends_at else None,
        policy=_policy(experiment, arms),
    )


def _policy(experiment: Experiment, arms: Iterable[Any]) -> Policy | None:
    """Return how a bandit divides visitors, from its state that was read along."""
    if experiment.allocation == Experiment.Allocation.FIXED:
        return None
    state: BanditState | None = getattr(experiment, "bandit", None)
    return policy_of(
        state.content if state else {},
        kind=experiment.allocation,
        arms=[arm.key for arm in arms],
        weights=[arm.weight for arm in arms],
    )
