"""What a recipe gives back: a model, what it was learned from, and how it did."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from personalization.ml.artefact import packed
from personalization.ml.base import Model
from personalization.ml.goal_events import EVENT
from personalization.ml.training.plans import Order
from personalization.ml.training.promote import Trial
from personalization.types import JsonObject


@dataclass(frozen=True, kw_only=True)
class Learned:
    """A model that has learned, of `rows` rows from the events of [since, until)."""

    model: Model[Any]
    rows: int
    since: datetime
    until: datetime
    #: How it did beside others; None for what cannot be compared, which then does not serve
    #: without somebody's word.
    trial: Trial | None = None
    #: Further figures: “hr_20”, or “popularity.hr_20” for that of something beside it.
    metrics: Mapping[str, float] = field(default_factory=dict)
    features_version: str = ""
    #: Of a goal: the event that it is of.
    event: str = ""
    #: Sentences: what was left out, what to look at.
    remarks: Sequence[str] = ()

    def content(self) -> bytes:
        """Return the artefact of the model."""
        return packed(self.model)

    def config(self) -> JsonObject:
        """Return the configuration of the model, and the event it was made for, if any."""
        event = {EVENT: self.event} if self.event else {}
        return {**self.model.config.written(), **event}

    def figures(self) -> dict[str, float]:
        """Return all figures that are numbers, those of the trial first."""
        found = {**_of_trial(self.trial), **self.metrics} if self.trial else self.metrics
        return {name: float(value) for name, value in found.items() if math.isfinite(value)}


Recipe = Callable[[Order], Learned]
#: None: nothing was logged that the model has not seen.
RefreshRecipe = Callable[[Order], Learned | None]


def _of_trial(trial: Trial) -> dict[str, float]:
    beside = {trial.baseline_name: trial.baseline, "serving": trial.serving}
    return {
        trial.metric: trial.value,
        **{f"{who}.{trial.metric}": v for who, v in beside.items() if v is not None},
        "cases": float(trial.n),
    }
