"""What a bandit learns from: what was decided for whom, with what chance, and what came of it.

A visitor counts once, by their first decision: what they are shown later may be another arm,
for the shares move. And they count when the window of the metric is over. Until then those who
came lately, of whom most are in the arm that is shown most, would seem worth less than they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import isfinite
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from personalization.clock import microseconds, span
from personalization.experiments.bandits.policy import is_number
from personalization.experiments.exposures import Decided, decisions
from personalization.experiments.models import Experiment, Measure, Metric
from personalization.experiments.outcomes import Values, values_of, window_of
from personalization.experiments.statistics.samples import winsorised
from personalization.types import Microseconds

Floats = NDArray[np.float64]
Context = Mapping[str, float]

#: What is older is forgotten: tastes change.
MEMORY: Final = timedelta(days=90)
#: Metrics of which a visitor has 0 or 1.
_RATES: Final = (Metric.Kind.CONVERSION, Metric.Kind.RETURN_VISIT)


@dataclass(frozen=True, kw_only=True)
class Log:
    """Decisions in the order of time, one for each visitor; the arrays are as long.

    `arm` is the place in `arms`; `values` are those of the metric. `contexts` are what was looked
    at, None where nothing was logged. `waiting` are visitors whose window is not over.
    """

    arms: tuple[str, ...]
    arm: NDArray[np.intp]
    probability: Floats
    values: Floats
    contexts: tuple[Context | None, ...]
    waiting: int = 0
    #: Whether each value is 0 or 1.
    rates: bool = False
    less_is_better: bool = False

    def __len__(self) -> int:
        return len(self.arm)

    @property
    def rewards(self) -> Floats:
        """What a bandit wants more of."""
        if not self.less_is_better:
            return self.values
        return 1 - self.values if self.rates else -self.values


def log_of(experiment: Experiment, *, now: datetime) -> Log | None:
    """Return what is known at `now` of an experiment; None if no metric decides it.

    A query for all decisions, and one for 2000 of them.
    """
    metric = deciding(experiment)
    if metric is None:
        return None
    arms = tuple(arm.key for arm in arms_of(experiment))
    since = max(experiment.started_at or experiment.created_at, now - MEMORY)
    first: dict[int, Decided] = {}
    for one in decisions(experiment.slug, arms=arms, since=since, until=now):
        first.setdefault(one.profile, one)
    return _log(metric, experiment.place, arms, list(first.values()), now=now)


def deciding(experiment: Experiment) -> Metric | None:
    """Return the metric that an experiment is decided by; the first one, if there are several."""
    measure = (
        experiment.measures.filter(role=Measure.Role.PRIMARY)
        .select_related("metric__goal", "metric__per")
        .order_by("pk")
        .first()
    )
    return measure.metric if measure else None


def arms_of(experiment: Experiment) -> list[Any]:
    """Return the arms in their order (a query)."""
    return list(experiment.arms.order_by("position", "pk"))


def _log(
    metric: Metric, place: str, arms: tuple[str, ...], first: list[Decided], *, now: datetime
) -> Log:
    end: Microseconds = microseconds(now) - span(window_of(metric))
    over = [one for one in first if one.at < end and isfinite(one.probability)]
    found = values_of(
        metric,
        profiles=np.array([one.profile for one in over], np.int64),
        at=np.array([one.at for one in over], np.int64),
        until=now,
        place=place,
    )
    return Log(
        arms=arms,
        arm=np.array([one.arm for one in over], np.intp),
        probability=np.array([one.probability for one in over], np.float64),
        values=_each(metric, found),
        contexts=tuple(_context(one.told) for one in over),
        waiting=sum(one.at >= end for one in first),
        rates=metric.kind in _RATES,
        less_is_better=metric.less_is_better,
    )


def _each(metric: Metric, found: Values) -> Floats:
    """Return a number for each visitor whose mean is that of the metric.

    Of a ratio R that is R + (value - R per) / mean(per), by the delta method.
    """
    values = found.values
    if metric.winsorise is not None and metric.kind not in _RATES:
        values = winsorised(values, metric.winsorise)
    if found.per is None:
        return values
    if not (total := found.per.sum()) > 0:
        return np.zeros(len(values))
    ratio = values.sum() / total
    linear: Floats = ratio + (values - ratio * found.per) * len(values) / total
    return linear


def _context(told: Mapping[str, Any]) -> Context | None:
    """Return what was looked at; None where it was not told, or by somebody else than us."""
    context = told.get("context")
    if not isinstance(context, Mapping):
        return None
    return {name: float(value) for name, value in context.items() if is_number(value)}
