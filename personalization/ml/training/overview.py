"""How every model stands: what serves, what is at work, when it is trained anew, what is wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from personalization.ml.models import ModelVersion
from personalization.ml.training.known import planned
from personalization.ml.training.outdated import stale
from personalization.ml.training.plans import Plan
from personalization.ml.training.schedule import Past, pasts
from personalization.ml.training.versions import artefact_problem

_Status = ModelVersion.Status


@dataclass(frozen=True, kw_only=True)
class ModelState:
    """A model that has a plan, versions or both."""

    name: str
    plan: Plan | None
    serving: ModelVersion | None
    #: The one in training, and the newest that is not.
    open: ModelVersion | None
    newest: ModelVersion | None
    #: When it is trained anew; None without a plan.
    next_at: datetime | None
    #: Sentences.
    warnings: tuple[str, ...]


def model_states(*, now: datetime, verify: bool = False) -> Sequence[ModelState]:
    """Return the state of each model, those with a plan first.

    `verify` also looks at every byte of what serves.
    """
    plans, past = planned(), pasts()
    return [
        _state(name, plans.get(name), past.get(name), now=now, verify=verify)
        for name in dict.fromkeys([*plans, *past])
    ]


def _state(
    name: str, plan: Plan | None, past: Past | None, *, now: datetime, verify: bool
) -> ModelState:
    versions = ModelVersion.objects.filter(name=name).order_by("-number")
    newest = versions.exclude(status=_Status.TRAINING).first()
    opened = versions.filter(status=_Status.TRAINING).first()
    serving = versions.filter(status=_Status.SERVING).first()
    return ModelState(
        name=name,
        plan=plan,
        serving=serving,
        open=opened,
        newest=newest,
        next_at=_next(plan, past, now=now) if plan else None,
        warnings=tuple(warnings_of(serving, plan, now=now, verify=verify)) if serving else (),
    )


def _next(plan: Plan, past: Past | None, *, now: datetime) -> datetime:
    return past.next_at(plan) if past else now


def warnings_of(
    version: ModelVersion, plan: Plan | None, *, now: datetime, verify: bool = True
) -> Sequence[str]:
    """Return what is wrong with a version that serves or could, in sentences."""
    found = []
    if verify and (problem := artefact_problem(version)):
        found.append(problem)
    if version.outdated_since is not None:
        found.append(
            "It knows somebody who was erased meanwhile; it is trained anew before all others."
        )
    if (old := stale(version, plan, now=now)) is not None:
        found.append(str(old))
    return found
