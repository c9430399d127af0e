"""An experiment as somebody has written it down, to be judged before it runs. Pure but for `drafted`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from personalization.experiments.bucketing import Range
from personalization.experiments.models import Arm, Experiment, Measure


@dataclass(frozen=True, slots=True)
class ArmDraft:
    """What an arm shows, as `Arm.content` says it, and its share of the visitors."""

    key: str
    content: str
    weight: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """An experiment with all that decides who sees what. `audience` is the id of a segment.

    `ramp` is as it was written, since it may be anything. `primaries` is how many metrics decide.
    """

    slug: str
    name: str
    kind: str
    arms: tuple[ArmDraft, ...]
    place: str = ""
    audience: int | None = None
    seed: str = ""
    hash_version: int = 2
    coverage: float = 1.0
    ramp: Any = ()
    namespace: str = ""
    held: Range = Range(0.0, 1.0)
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    allocation: str = Experiment.Allocation.FIXED
    primaries: int = 1

    @property
    def hashed_with(self) -> str:
        return self.seed or self.slug


def drafted(
    experiment: Experiment, *, arms: Iterable[ArmDraft] | None = None, primaries: int | None = None
) -> Draft:
    """Return an experiment as a draft; arms and measures that are not given are read."""
    if arms is None:
        rows = Arm.objects.filter(experiment=experiment).order_by("position", "pk")
        arms = (ArmDraft(row.key, row.content, row.weight) for row in rows)
    if primaries is None:
        deciding = Measure.objects.filter(experiment=experiment, role=Measure.Role.PRIMARY)
        primaries = deciding.count()
    return Draft(
        slug=experiment.slug,
        name=experiment.name,
        kind=experiment.kind,
        arms=tuple(arms),
        place=experiment.place,
        audience=experiment.audience_id,
        seed=experiment.seed,
        hash_version=experiment.hash_version,
        coverage=experiment.coverage,
        ramp=experiment.ramp,
        namespace=experiment.namespace,
        held=Range(experiment.namespace_from, experiment.namespace_until),
        starts_at=experiment.starts_at,
        ends_at=experiment.ends_at,
        allocation=experiment.allocation,
        primaries=primaries,
    )
