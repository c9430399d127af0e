"""Versions that must not go on as they are: they know somebody who was erased, or are old."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Max, QuerySet
from django.dispatch import receiver

from personalization import hints
from personalization.ml.models import ModelVersion
from personalization.ml.training.known import planned
from personalization.ml.training.plans import Plan
from personalization.ml.training.versions import hold, prune
from personalization.privacy.models import Erasure
from personalization.signals import profile_erased

_Status = ModelVersion.Status
#: A version that serves is stale when it is older than so many periods of its plan.
PERIODS = 2


@dataclass(frozen=True, kw_only=True)
class Stale:
    """A version that serves, and is older than it should be."""

    version: ModelVersion
    age: timedelta
    #: How old it may be.
    allowed: timedelta

    def __str__(self) -> str:
        return (
            f"“{self.version.name}” serves version {self.version.number}, which was begun "
            f"{_days(self.age)} ago; a new one was due within {_days(self.allowed)}."
        )


@receiver(profile_erased, dispatch_uid="personalization.models_outdated")
def mark_outdated(*, at: datetime, **_: Any) -> int:
    """Mark what may have learned from somebody who was erased; return how many versions.

    That is every version that there is once the erasure is committed, whenever it was asked for:
    until then events could be read, and what is begun later is not there yet. Nobody is named in
    an artefact, so nobody can be looked up there; a training that is at work has read them too.
    Artefacts go at once that nobody is served by, nor was before.
    """
    return _mark(_unmarked(), at=at)


def mark_missed() -> int:
    """Mark what an erasure left as it was because its process ended right after the commit;
    return how many versions."""
    last = Erasure.objects.aggregate(last=Max("requested_at"))["last"]
    return _mark(_unmarked().filter(created_at__lte=last), at=last) if last else 0


def _unmarked() -> QuerySet[ModelVersion]:
    status = (_Status.SERVING, _Status.CANDIDATE, _Status.RETIRED, _Status.TRAINING)
    return ModelVersion.objects.filter(status__in=status, outdated_since=None)


def _mark(versions: QuerySet[ModelVersion], *, at: datetime) -> int:
    names = set(versions.order_by().values_list("name", flat=True))
    n = 0
    for name in sorted(names):
        with transaction.atomic():
            hold(name)  # or one could begin to serve whose artefact goes
            n += versions.filter(name=name).update(outdated_since=at)
            prune(name)
    if n:
        hints.hint(hints.TRAIN_MODELS)
    return n


def stale_models(*, now: datetime) -> Sequence[Stale]:
    """Return the versions that serve though they are older than twice the period of their plan."""
    plans = planned()
    versions = ModelVersion.objects.filter(status=_Status.SERVING).order_by("name")
    return [
        each for version in versions if (each := stale(version, plans.get(version.name), now=now))
    ]


def stale(version: ModelVersion, plan: Plan | None, *, now: datetime) -> Stale | None:
    """Return what there is to say of the age of a version; None if it does not serve, has no
    plan any more, or is young enough."""
    if version.status != _Status.SERVING or plan is None:
        return None
    age, allowed = now - version.created_at, PERIODS * plan.period
    return Stale(version=version, age=age, allowed=allowed) if age > allowed else None


def _days(span: timedelta) -> str:
    hours = span / timedelta(hours=1)
    return f"{hours:.0f} hours" if hours < 72 else f"{hours / 24:.0f} days"
