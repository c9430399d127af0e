"""What personalization earns: of each content, of slots, of segments, and of all together.

Each content that is shown to some keeps others out by chance (`trial.holdout`). What those do who
see it, beside what those do who do not, is what it earns. Slots and segments take the contents
that are theirs together as strata: each content is compared with its own holdout, and weighs as
much as it was shown (`measuring.pooled`). The holdout from everything is a comparison by itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Final

import numpy as np
from django.db import connections, router

from personalization.clock import microseconds
from personalization.events.goals import Goal
from personalization.events.models import Event
from personalization.experiments.analysis import Judge, concluded, exposed_to
from personalization.experiments.comparing import metric_result
from personalization.experiments.contents import Content, contents_of
from personalization.experiments.exposures import EXPOSURES, Exposed, shown_since
from personalization.experiments.health import Subject, metric_problems
from personalization.experiments.measuring import BEFORE, Measured, measured, pooled
from personalization.experiments.models import Measure, Metric
from personalization.experiments.results import Problem, Result
from personalization.experiments.statistics.steady import steady
from personalization.experiments.trial import GLOBAL, HELD_OUT, SHOWN

#: First exposures of so long ago are looked at.
SPAN: Final = timedelta(days=90)
#: What is shown is compared with what is not.
ARMS: Final = (HELD_OUT, SHOWN)
#: Goals that are looked at, of more.
_GOALS: Final = 5
#: Contents that are looked at: no site has more, but a browser may make up any.
_NAMES_AT_MOST: Final = 500
#: As long as the column of subjects is.
_LONGEST: Final = 200
#: A content with fewer units in an arm says too little of how they differ to be a stratum.
_LEAST_IN_STRATUM: Final = 10

_Kind, _Role = Metric.Kind, Measure.Role


@dataclass(frozen=True, slots=True, kw_only=True)
class Earned:
    """What a content earned: the result, and the samples that it is made of."""

    name: str
    result: Result
    metrics: tuple[Measured, ...]


def judges_of_site() -> list[Judge]:
    """Return what earnings are measured in: the active goals, the first with a worth deciding,
    or the first one there is (one query)."""
    goals = list(Goal.objects.filter(is_active=True).order_by("pk")[:_GOALS])
    first = next((goal for goal in goals if goal.value_property), goals[0] if goals else None)
    judges: list[Judge] = []
    for goal in goals:
        kinds = (_Kind.VALUE, _Kind.CONVERSION) if goal.value_property else (_Kind.CONVERSION,)
        for kind in kinds:
            is_primary = goal is first and kind == kinds[0]
            role = _Role.PRIMARY if is_primary else _Role.SECONDARY
            judges.append((metric_of(goal, kind), role.value))
    return sorted(judges, key=lambda judge: judge[1] != _Role.PRIMARY)


def metric_of(goal: Goal, kind: Metric.Kind) -> Metric:
    """Return a metric of a goal that is not in the database."""
    return Metric(slug=f"{goal.slug}:{kind.value}", name=goal.name, kind=kind, goal=goal)


def subject_named(name: str, *, now: datetime) -> Subject:
    """Return a holdout by its name in the log."""
    slot, is_content, _ = name.partition("/")
    return Subject(
        subject=called("holdout", name) if is_content else name,
        name=name,
        arms=ARMS,
        since=now - SPAN,
        until=now,
        place=slot if is_content else "",
        is_live=False,  # who never comes by is exposed to nothing: that is no fault
    )


def called(kind: str, name: str) -> str:
    """Return a subject as findings call it: of a name that is too long, what tells it apart."""
    subject = f"{kind}:{name}"
    if len(subject) <= _LONGEST:
        return subject
    return f"{subject[: _LONGEST - 25]}…{blake2b(name.encode(), digest_size=12).hexdigest()}"


def earned(name: str, judges: Sequence[Judge], *, now: datetime) -> Earned:
    """Return what was earned by what the holdout `name` keeps some out of."""
    subject = subject_named(name, now=now)
    exposed = _new_from(exposed_to(subject), subject)
    subject = replace(subject, weights=_weights(exposed))
    metrics = tuple(
        measured(metric, role, exposed, until=now, place=subject.place) for metric, role in judges
    )
    return Earned(name=name, result=concluded(subject, exposed, metrics, now=now), metrics=metrics)


def _new_from(exposed: Exposed, subject: Subject) -> Exposed:
    """Return who was exposed, knowing from when on they cannot have been just before the span:
    a holdout is older than what is looked at, and its effect is in what they did then."""
    span = {"since": subject.since - BEFORE, "until": subject.since}
    if not shown_since(subject.name, arms=ARMS, **span):
        return exposed
    return replace(exposed, new_from=microseconds(subject.since + BEFORE))


def _weights(exposed: Exposed) -> tuple[float, ...] | None:
    """Return the chances of the arms that most units came with; None: nobody told one."""
    out = np.where(
        exposed.arm == ARMS.index(HELD_OUT), exposed.probability, 1 - exposed.probability
    )
    shares, counts = np.unique(np.round(out[~np.isnan(out)], 6), return_counts=True)
    if not len(shares):
        return None
    share = float(shares[counts.argmax()])
    return share, 1 - share


# -- together --------------------------------------------------------------------------------


def together(subject: str, earnings: Sequence[Earned], *, now: datetime) -> Result:
    """Return what several contents earned together, each beside its own holdout.

    :raises ValueError: if there are none.
    """
    metrics = [
        one
        for which in range(len(earnings[0].metrics))
        if (one := _together([each.metrics[which] for each in earnings])) is not None
    ]
    results = tuple(metric_result(one, ARMS) for one in metrics)
    units = tuple(sum(each.result.units[arm] for each in earnings) for arm in range(len(ARMS)))
    problems = [*_of_strata(earnings), *metric_problems(metrics, results, units=sum(units))]
    return Result(
        subject=subject,
        since=min(each.result.since for each in earnings),
        until=now,
        arms=ARMS,
        units=units,
        shares_p=None,
        problems=tuple(problems),
        metrics=results,
    )


def _together(strata: Sequence[Measured]) -> Measured | None:
    kept = [
        one
        for one in strata
        if min(each.n for each in one.samples) >= _LEAST_IN_STRATUM and min(one.amounts) > 0
    ]
    amounts = [one.amounts[ARMS.index(SHOWN)] for one in kept]
    if not kept:
        return None
    units = [sum(each.n for each in one.samples) for one in kept]
    arms = zip(*(steady(*one.samples) for one in kept), strict=True)
    return replace(
        kept[0],
        samples=tuple(pooled(each, amounts) for each in arms),
        amounts=tuple(float(sum(one.amounts[arm] for one in kept)) for arm in range(len(ARMS))),
        open=float(np.average([one.open for one in kept], weights=units)),
        is_silent=all(one.is_silent for one in kept),
    )


def _of_strata(earnings: Iterable[Earned]) -> Iterator[Problem]:
    """Yield for which contents the shares are wrong: what they earned is in all of it."""
    for each in earnings:
        for found in each.result.problems:
            if found.code == "shares":
                yield replace(found, values={**found.values, "subject": each.result.subject})


def grouped(earnings: Sequence[Earned]) -> dict[str, list[Earned]]:
    """Return the contents of each slot and of each segment, by the subject of those."""
    known = contents_of([one.name for one in earnings])
    groups: dict[str, list[Earned]] = {}
    for one in earnings:
        slot = one.name.partition("/")[0]
        content = known.get(one.name) or Content(slot=slot, words="")
        groups.setdefault(called("slot", content.slot), []).append(one)
        for segment in content.segments:
            groups.setdefault(called("segment", segment), []).append(one)
    return dict(sorted(groups.items()))


# -- names -----------------------------------------------------------------------------------


def holdout_names(*, now: datetime) -> list[str]:
    """Return the names of all holdouts that somebody was exposed to, sorted (one query)."""
    connection = connections[router.db_for_read(Event)]
    since = connection.ops.adapt_datetimefield_value(now - SPAN)
    with connection.cursor() as cursor:
        cursor.execute(_NAMES[connection.vendor], [*EXPOSURES, since])
        found = [name for (name,) in cursor.fetchall()]
    return sorted(name for name in found if "/" in name or name == GLOBAL)[:_NAMES_AT_MOST]


_EVENT = Event._meta.db_table
# Names of our own alone; all else are parameters.
_NAMES = {
    "sqlite": f"""
        SELECT DISTINCT told.key FROM {_EVENT} e, json_each(e.properties, '$.assigned') told
        WHERE e.name IN (%s, %s) AND e.timestamp >= %s AND told.type = 'object'
    """,  # noqa: S608
    "postgresql": f"""
        SELECT DISTINCT jsonb_object_keys(CASE
            WHEN jsonb_typeof(e.properties -> 'assigned') = 'object'
            THEN e.properties -> 'assigned' ELSE '{{}}' END)
        FROM {_EVENT} e WHERE e.name IN (%s, %s) AND e.timestamp >= %s
    """,  # noqa: S608
}
