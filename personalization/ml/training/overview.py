"""How every model stands: what serves, what is at work, when it is trained anew, what is wrong."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import OuterRef, Q, Subquery

from personalization.ml.goal_events import event_of
from personalization.ml.models import ModelVersion
from personalization.ml.training.artefacts import problems_of, stand_in
from personalization.ml.training.known import planned
from personalization.ml.training.outdated import stale
from personalization.ml.training.plans import Plan
from personalization.ml.training.promote import refusal
from personalization.ml.training.schedule import Past, pasts
from personalization.profiles.models import Snapshot

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
    #: About which part of the profiles what serves was asked since it does, from 0 to 1, by their
    #: numbers; None: about all of them, or it is asked about nobody.
    scored: float | None
    #: Sentences on what serves.
    warnings: tuple[str, ...]
    #: Whether its artefact is gone, or not what was stored.
    is_damaged: bool

    @property
    def refused(self) -> tuple[str, ...]:
        """Why the newest version does not serve, in sentences; empty unless it was refused."""
        newest = self.newest
        if newest is None or newest.status != _Status.CANDIDATE:
            return ()
        return refusal(metrics=newest.metrics, remarks=newest.remarks)


def model_states(*, now: datetime) -> Sequence[ModelState]:
    """Return the state of each model, those with a plan first.

    Every byte of what serves is looked at. The queries are as many for few models and versions as
    for many, but for two more for each artefact that is damaged, and one more while some of them
    are asked about everybody.
    """
    plans, past, versions = planned(), pasts(), _versions()
    serving = [each for each in versions if each.status == _Status.SERVING]
    damaged = problems_of(serving)
    last = _last_profile() if any(each.scored_up_to is not None for each in serving) else 0
    return [
        _state(
            [each for each in versions if each.name == name],
            name=name,
            plan=plans.get(name),
            past=past.get(name),
            damaged=damaged,
            last=last,
            now=now,
        )
        for name in dict.fromkeys([*plans, *past])
    ]


def _versions() -> Sequence[ModelVersion]:
    """Return of each model what serves, what is in training and what is newest (one query)."""
    ended = ModelVersion.objects.filter(name=OuterRef("name")).exclude(status=_Status.TRAINING)
    newest = ended.order_by("-number").values("number")[:1]
    wanted = Q(status__in=(_Status.SERVING, _Status.TRAINING)) | Q(number=Subquery(newest))
    return list(ModelVersion.objects.filter(wanted).order_by("name", "-number"))


def _state(
    versions: Iterable[ModelVersion],
    *,
    name: str,
    plan: Plan | None,
    past: Past | None,
    damaged: Mapping[int, str],
    last: int,
    now: datetime,
) -> ModelState:
    by_status: dict[str, ModelVersion] = {}
    newest = None
    for version in versions:  # the newest first
        by_status.setdefault(version.status, version)
        if newest is None and version.status != _Status.TRAINING:
            newest = version
    serving = by_status.get(_Status.SERVING)
    return ModelState(
        name=name,
        plan=plan,
        serving=serving,
        open=by_status.get(_Status.TRAINING),
        newest=newest,
        next_at=_next(plan, past, now=now) if plan else None,
        scored=_scored(serving, last=last) if serving else None,
        warnings=_told(serving, plan, damaged, now=now) if serving else (),
        is_damaged=serving is not None and serving.pk in damaged,
    )


def _last_profile() -> int:
    return Snapshot.objects.order_by("-pk").values_list("pk", flat=True).first() or 0


def _scored(version: ModelVersion, *, last: int) -> float | None:
    if version.scored_up_to is None:
        return None
    return min(version.scored_up_to / last, 1.0) if last else 0.0


def _next(plan: Plan, past: Past | None, *, now: datetime) -> datetime:
    return past.next_at(plan) if past else now


def _told(
    version: ModelVersion, plan: Plan | None, damaged: Mapping[int, str], *, now: datetime
) -> tuple[str, ...]:
    aged = tuple(_aged(version, plan, now=now))
    return (_in_its_place(version, damaged[version.pk]), *aged) if version.pk in damaged else aged


def _in_its_place(version: ModelVersion, problem: str) -> str:
    """Return what is wrong with an artefact, and what visitors get meanwhile."""
    other = stand_in(version)
    if other is None:
        return f"{problem} No version before it can serve in its place."
    return f"{problem} Version {other.number} serves in its place."


def warnings_of(version: ModelVersion, plan: Plan | None, *, now: datetime) -> Sequence[str]:
    """Return what is wrong with a version that serves or could, in sentences."""
    return [*problems_of([version]).values(), *_aged(version, plan, now=now)]


def _aged(version: ModelVersion, plan: Plan | None, *, now: datetime) -> Iterable[str]:
    if plan is not None and plan.event and event_of(version) not in ("", plan.event):
        yield (
            f"It was made for “{event_of(version)}”, and its goal is “{plan.event}” now: it says "
            "nothing until a version is trained for that."
        )
    if version.outdated_since is not None:
        yield "It knows somebody who was erased meanwhile; it is trained anew before all others."
    if (old := stale(version, plan, now=now)) is not None:
        yield str(old)
