"""What came of an experiment: who was in which arm, what they did then, and how sure that is."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TypeAlias

from personalization.experiments.comparing import metric_result
from personalization.experiments.exposures import Exposed, first_exposures
from personalization.experiments.health import (
    Subject,
    exposure_problems,
    metric_problems,
    shares_p_of,
)
from personalization.experiments.measuring import Measured, measured
from personalization.experiments.models import Experiment, Metric
from personalization.experiments.problems import problem
from personalization.experiments.results import Problem, Result

#: A metric with the role that it has.
Judge: TypeAlias = tuple[Metric, str]


def result_of(experiment: Experiment, *, now: datetime) -> Result:
    """Return what is found about an experiment that was started, from what is known at `now`.

    A metric costs two queries for 2000 visitors, four where visits are looked at.

    :raises ValueError: for one that never was, or that has no arms.
    """
    subject = subject_of(experiment, now=now)
    exposed = exposed_to(subject)
    metrics = [
        measured(metric, role, exposed, until=now, place=subject.place)
        for metric, role in judges_of(experiment)
    ]
    ended = experiment.ends_at
    late = ended is not None and ended <= now and experiment.status == Experiment.Status.RUNNING
    own = [problem("ended", since=ended.isoformat())] if ended is not None and late else []
    return concluded(subject, exposed, metrics, now=now, problems=own)


def subject_of(experiment: Experiment, *, now: datetime) -> Subject:
    """Return what an experiment is called in the log, and since when."""
    arms = list(experiment.arms.order_by("position", "pk"))
    if experiment.started_at is None or not arms:
        raise ValueError(f"“{experiment.slug}” was never started, or has no arms.")
    ends = (experiment.stopped_at, experiment.ends_at, now)
    until = min(end for end in ends if end is not None)
    fixed = experiment.allocation == Experiment.Allocation.FIXED
    is_of_contents = experiment.kind == Experiment.Kind.VARIATIONS
    return Subject(
        subject=f"experiment:{experiment.slug}",
        name=experiment.slug,
        arms=tuple(arm.key for arm in arms),
        since=experiment.started_at,
        until=max(until, experiment.started_at),
        weights=tuple(arm.weight for arm in arms) if fixed else None,
        moves=not fixed,
        place=experiment.place,
        contents=tuple(arm.content if is_of_contents else "" for arm in arms),
        is_live=experiment.status == Experiment.Status.RUNNING and until == now,
    )


def judges_of(experiment: Experiment) -> list[Judge]:
    """Return what an experiment is judged by, in the order of the measures."""
    rows = experiment.measures.select_related("metric__goal", "metric__per").order_by("pk")
    return [(row.metric, row.role) for row in rows]


def exposed_to(subject: Subject) -> Exposed:
    return first_exposures(
        subject.name,
        arms=subject.arms,
        since=subject.since,
        until=subject.until,
        moves=subject.moves,
    )


def concluded(
    subject: Subject,
    exposed: Exposed,
    metrics: Sequence[Measured],
    *,
    now: datetime,
    problems: Sequence[Problem] = (),
) -> Result:
    """Return all that is told of a subject, by what was measured of who was exposed."""
    results = tuple(metric_result(one, subject.arms) for one in metrics)
    return Result(
        subject=subject.subject,
        since=subject.since,
        until=now,
        arms=subject.arms,
        units=exposed.counts,
        shares_p=shares_p_of(subject, exposed),
        problems=(
            *problems,
            *exposure_problems(subject, exposed),
            *metric_problems(metrics, results, units=len(exposed)),
        ),
        metrics=results,
    )
