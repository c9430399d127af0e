"""Whether results are to be trusted: what went wrong on the way to them.

The codes of what is found are in `problems`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import numpy as np

from personalization.events.models import Event
from personalization.experiments.exposures import (
    LATE,
    Exposed,
    Flags,
    Shown,
    shown_since,
    unknown_arms,
)
from personalization.experiments.measuring import Measured
from personalization.experiments.outcomes import VIEWS, events_of
from personalization.experiments.problems import problem
from personalization.experiments.results import LEAST_UNITS, MetricResult, Problem
from personalization.experiments.statistics.shares import (
    ALARM,
    always_valid_shares_p,
    shares_by,
    shares_p,
)

#: Nobody exposed for so long, while pages are viewed: something is broken.
SILENCE: Final = timedelta(days=1)
#: Values of a dimension that are looked at, those with most units first.
_VALUES: Final = 20
#: An arm that was seen so often with nothing in it has nothing to show.
_OFTEN: Final = 20
#: A share of units that is less than this is told of no problem.
_FEW: Final = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What results are about: `subject` as findings call it, `name` as the log does.

    `weights` are the chances of the arms, None where they differ by visitor. Who was exposed in
    [since, until) counts. `contents` are what the arms show, empty for the default; none where
    it does not matter. `is_live`: visitors are exposed to it now. `moves`: it is a bandit, which
    moves visitors between its arms.
    """

    subject: str
    name: str
    arms: tuple[str, ...]
    since: datetime
    until: datetime
    weights: tuple[float, ...] | None = None
    place: str = ""
    contents: tuple[str, ...] = ()
    is_live: bool = True
    moves: bool = False


def exposure_problems(subject: Subject, exposed: Exposed) -> Iterator[Problem]:
    """Yield what is wrong with who was exposed (four queries at most)."""
    n = len(exposed)
    yield from share_problems(subject, exposed)
    if subject.is_live and subject.until - subject.since > SILENCE:
        yield from _last_day(subject)
    if n and exposed.late > _FEW * n:
        hours = LATE // timedelta(hours=1)
        yield problem("late_exposures", n=exposed.late, share=exposed.late / n, hours=hours)
    if several := exposed.in_several:
        yield problem("several_arms", n=several, share=several / n)
    if subject.contents:
        span = {"since": subject.since, "until": subject.until}
        if others := unknown_arms(subject.name, arms=subject.arms, **span):
            yield problem("unknown_arm", arms=sorted(others), n=sum(others.values()))


def metric_problems(
    measured: Sequence[Measured], results: Sequence[MetricResult], *, units: int
) -> Iterator[Problem]:
    """Yield what is wrong with the metrics."""
    if not measured:
        yield problem("no_metric")
    for one in measured:
        if one.is_silent and units >= LEAST_UNITS:
            yield problem(
                "no_goal_events", metric=one.metric.slug, events=sorted(events_of(one.metric))
            )
        elif one.open:
            yield problem("window_open", metric=one.metric.slug, share=one.open)
    for each in results:
        if each.role == "guardrail":
            for comparison in each.comparisons:
                if comparison.verdict == "worse":
                    yield problem("guardrail", metric=each.metric, arm=comparison.arm)


# -- shares ----------------------------------------------------------------------------------


def shares_p_of(subject: Subject, exposed: Exposed) -> float | None:
    """Return p of the units being divided as they should; None: nobody yet, or no fixed shares.

    Only who came with the chances of now is looked at.
    """
    if subject.weights is None:
        return None
    counts = _counts(exposed, _as_now(subject.weights, exposed))
    return shares_p(counts, subject.weights) if sum(counts) else None


def share_problems(subject: Subject, exposed: Exposed) -> Iterator[Problem]:
    """Yield whether the units are not divided as they should be, and among whom.

    Results are looked at all the time. So the alarm is that of a p which allows for it, while
    the one that is told is the usual one (χ²), which everybody knows.
    """
    weights = subject.weights
    if weights is None or not len(exposed):
        return
    now = _as_now(weights, exposed)
    if (changed := len(exposed) - int(now.sum())) > _FEW * len(exposed):
        yield problem("weights_changed", n=changed, share=changed / len(exposed))
    counts = _counts(exposed, now)
    if always_valid_shares_p(counts, weights) < ALARM:
        p = shares_p(counts, weights)
        yield problem("shares", p=p, **_divided(exposed.arms, counts, weights))
    elif sum(counts) >= LEAST_UNITS:
        for arm, n, weight in zip(exposed.arms, exposed.counts, weights, strict=True):
            if not n and weight > 0:
                yield problem("empty_arm", arm=arm)
    yield from _within(exposed, now, weights)


def _as_now(weights: Sequence[float], exposed: Exposed) -> Flags:
    """Return of each unit whether its chance was that of its arm now, or is not known."""
    shares = np.asarray(weights, np.float64) / (sum(weights) or 1.0)
    usual = shares[exposed.arm]
    told = exposed.probability
    return np.asarray(np.isnan(told) | (np.abs(told - usual) < 1e-4))


def _counts(exposed: Exposed, chosen: Flags) -> tuple[int, ...]:
    counts = np.bincount(exposed.arm[chosen], minlength=len(exposed.arms))
    return tuple(int(n) for n in counts)


def _within(
    exposed: Exposed,
    now: Flags,
    weights: Sequence[float],
) -> Iterator[Problem]:
    """Yield for which visitors the shares are wrong, as one alarm over all dimensions."""
    counts: dict[tuple[str, str], Sequence[int]] = {}
    for dimension, values in exposed.dimensions.items():
        pairs = Counter(
            (value, int(arm))
            for value, arm, counted in zip(values, exposed.arm, now, strict=True)
            if counted
        )
        totals = Counter[str]()
        for (value, _), n in pairs.items():
            totals[value] += n
        ranked = sorted(totals.items(), key=lambda each: (-each[1], each[0]))
        if len(ranked) < 2:
            continue  # the same as all of them
        for value, n in ranked[:_VALUES]:
            if value and n >= LEAST_UNITS:
                counts[dimension, value] = [pairs[value, arm] for arm in range(len(weights))]
    told = shares_by(counts, weights)
    for which, p in shares_by(counts, weights, test=always_valid_shares_p).items():
        if p < ALARM:
            divided = _divided(exposed.arms, counts[which], weights)
            dimension, value = which
            yield problem(
                "shares_within", dimension=dimension, value=value, p=told[which], **divided
            )


def _divided(
    arms: Sequence[str], counts: Sequence[int], weights: Sequence[float]
) -> dict[str, Mapping[str, float]]:
    whole, n = sum(weights), sum(counts)
    expected = (n * weight / whole for weight in weights)
    return {
        "expected": dict(zip(arms, expected, strict=True)),
        "counted": dict(zip(arms, counts, strict=True)),
    }


# -- the last day ----------------------------------------------------------------------------


def _last_day(subject: Subject) -> Iterator[Problem]:
    """Yield whether nobody is exposed any more, and which arms have nothing to show."""
    since = subject.until - SILENCE
    span = {"since": since, "until": subject.until}
    found = shown_since(subject.name, arms=subject.arms, **span)
    if not found:
        viewed = Event.objects.filter(
            name__in=VIEWS, timestamp__gte=since, timestamp__lt=subject.until
        ).count()
        if viewed:
            yield problem("no_exposures", hours=SILENCE // timedelta(hours=1), page_views=viewed)
    for arm, content in zip(subject.arms, subject.contents, strict=False):
        if content and _shows_nothing(found.get(arm)):
            yield problem("nothing_to_show", arm=arm, n=found[arm].n)


def _shows_nothing(shown: Shown | None) -> bool:
    return shown is not None and shown.n >= _OFTEN and not shown.with_content
