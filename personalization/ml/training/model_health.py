"""How every model that serves is: what the last look found, for whoever shows it.

Plain values, read from what is kept with the version (one query): nothing that computes comes along.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from personalization.ml.models import ModelVersion
from personalization.ml.training.list_clicks import Clicks
from personalization.ml.training.watched import SCORE, Calibration, Slow, Watched
from personalization.ml.verdicts import ColumnDrift, Verdict, worst, worst_of


@dataclass(frozen=True, kw_only=True)
class ModelHealth:
    """A model that serves, by what the last look found of its version."""

    version: ModelVersion
    #: When it was last looked at; None: not yet, and all that follows is not known.
    checked_at: datetime | None = None
    verdict: Verdict = "unknown"
    #: Of what it sees since the training, and the column that moved furthest.
    inputs: Verdict = "unknown"
    furthest: ColumnDrift | None = None
    #: Of what it says.
    scores: Verdict = "unknown"
    #: The same of both since long ago.
    slow: Slow | None = None
    #: None of what says no probabilities.
    calibration: Calibration | None = None
    #: None of what fills no lists.
    clicks: Clicks | None = None
    #: Why nothing can be said.
    problem: str = ""
    #: What is to be looked at, in sentences.
    remarks: tuple[str, ...] = ()

    @property
    def slowly(self) -> Verdict:
        return worst(self.slow.columns) if self.slow else "unknown"


def models_health() -> Sequence[ModelHealth]:
    """Return how each model that serves is, by name (one query)."""
    serving = ModelVersion.objects.filter(status=ModelVersion.Status.SERVING).order_by("name")
    return [health_of(version) for version in serving]


def health_of(version: ModelVersion) -> ModelHealth:
    """Return how a version is, by what the last look found; no query."""
    found = Watched.read(version)
    if found is None:
        return ModelHealth(version=version)
    inputs = [each for each in found.columns if each.name != SCORE]
    return ModelHealth(
        version=version,
        checked_at=found.at,
        verdict=found.verdict,
        inputs=worst(inputs),
        furthest=max(inputs, key=lambda each: each.psi, default=None),
        scores=worst_of(each.verdict for each in found.columns if each.name == SCORE),
        slow=found.slow,
        calibration=found.calibration,
        clicks=found.clicks,
        problem=found.problem,
        remarks=tuple(found.remarks()),
    )
