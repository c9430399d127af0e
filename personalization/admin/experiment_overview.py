"""What the page of an experiment shows above its form: what, for whom, how it goes, how sure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from personalization.admin.experiment_charts import Bar, interval_chart, share_chart
from personalization.admin.experiment_contents import Offer, about, offers
from personalization.admin.experiment_numbers import (
    between,
    between_words,
    chance,
    change,
    level,
    number,
    signed,
    signed_number,
)
from personalization.admin.experiment_policies import PolicyLine, policies_of
from personalization.admin.experiment_problems import problem_words
from personalization.admin.experiment_words import (
    Headline,
    Names,
    headline,
    is_trusted,
    primary_of,
)
from personalization.admin.wording import share_words
from personalization.experiments.bandits.policy import policy_of
from personalization.experiments.models import Arm, BanditState, Experiment, Finding, Measure
from personalization.experiments.ramps import ramp_steps
from personalization.experiments.results import (
    LEAST_UNITS,
    ArmFigures,
    Comparison,
    MetricResult,
    Result,
)
from personalization.experiments.wording import percent


@dataclass(frozen=True, kw_only=True)
class ArmLine:
    """An arm as it stands now. `share_now` is what a bandit gives it; empty: fixed shares."""

    name: str
    shows: str
    share: str
    share_now: str
    visitors: str
    visitors_share: str


@dataclass(frozen=True, kw_only=True)
class Row:
    """An arm by one metric; the first one has nothing beside it."""

    arm: str
    visitors: str
    level: str
    verdict: str = ""
    words: str = ""
    lift: str = ""
    between: str = ""
    chance: str = ""
    gained: str = ""
    gained_between: str = ""


@dataclass(frozen=True, kw_only=True)
class Table:
    """A metric in all arms, with a picture of the same."""

    name: str
    role: str
    rows: Sequence[Row]
    chart: SafeString
    reduced_by: str


@dataclass(frozen=True, kw_only=True)
class Overview:
    """A saved experiment as it stands now."""

    headline: Headline
    what: str
    whom: str
    arms: Sequence[ArmLine]
    problems: Sequence[tuple[str, str]]
    is_trusted: bool
    tables: Sequence[Table]
    policies: Sequence[PolicyLine]
    visitors_chart: SafeString
    computed_at: datetime | None
    error: str


_VERDICTS: Mapping[str, str] = {
    "better": "fresh", "worse": "broken", "unclear": "pending", "too_few": "off",
}  # fmt: skip


def overview(experiment: Experiment, *, now: datetime) -> Overview:
    """Return what is known of an experiment (a handful of queries, however much was found)."""
    arms = list(experiment.arms.order_by("position", "pk"))
    known = offers(about(experiment, [arm.content for arm in arms]))
    names = names_of(arms, known)
    finding = Finding.objects.filter(subject=f"experiment:{experiment.slug}").first()
    result = result_in(finding)
    running = experiment.status == Experiment.Status.RUNNING
    trusted = result is not None and is_trusted(result)
    metrics = {one.metric: one.name for one in result.metrics} if result else {}
    return Overview(
        headline=headline(result, names, running=running, now=now),
        what=what_words(experiment),
        whom=whom_words(experiment, now=now),
        arms=_lines(experiment, arms, known, names, result),
        problems=[
            (one.severity, problem_words(one, names, metrics))
            for one in (result.problems if result else ())
        ],
        is_trusted=trusted,
        tables=[_table(n, one, names) for n, one in enumerate(result.metrics)]
        if result is not None and trusted
        else [],
        policies=_policies(experiment, result, names) if trusted else [],
        visitors_chart=_visitors(result, names),
        computed_at=finding.computed_at if finding else None,
        error=finding.error if finding else "",
    )


def _policies(experiment: Experiment, result: Result | None, names: Names) -> list[PolicyLine]:
    metric = primary_of(result) if result is not None else None
    return policies_of(experiment, names, kind=metric.kind) if metric is not None else []


def result_in(finding: Finding | None) -> Result | None:
    """Return what a finding says; None where it says nothing, or what no version of ours wrote."""
    if finding is None or not finding.content:
        return None
    try:
        return Result.from_json(finding.content)
    except (KeyError, TypeError, ValueError):
        return None


def names_of(arms: Sequence[Arm], known: Sequence[Offer]) -> Names:
    """Return what arms are called: by their names, else by what they show, with their letter."""
    labels = {offer.content: offer.label for offer in known}
    return Names({
        arm.key: arm.name or f"{arm.key.upper()} ({labels.get(arm.content, arm.content)})"
        for arm in arms
    })  # fmt: skip


def what_words(experiment: Experiment) -> str:
    """Return what is compared: “Contents of a slot: hero”."""
    kind = str(experiment.get_kind_display())
    told = f"{kind}: {experiment.place}" if experiment.place else kind
    return f"{told[:1].upper()}{told[1:]}"


def whom_words(experiment: Experiment, *, now: datetime) -> str:
    """Return who takes part."""
    covered = percent(_covered(experiment, now))
    if experiment.audience is None:
        return _("%(share)s of all visitors") % {"share": covered}
    told = {"share": covered, "segment": experiment.audience}
    return _("%(share)s of the members of “%(segment)s”") % told


def _covered(experiment: Experiment, now: datetime) -> float:
    covered = experiment.coverage
    for at, share in ramp_steps(experiment.ramp) or ():
        if at <= now:
            covered = share
    return covered


def _lines(
    experiment: Experiment,
    arms: Sequence[Arm],
    known: Sequence[Offer],
    names: Names,
    result: Result | None,
) -> list[ArmLine]:
    labels = {offer.content: offer.label for offer in known}
    units = dict(zip(result.arms, result.units, strict=True)) if result else {}
    total = sum(units.values())
    now = _shares_now(experiment, arms)
    return [
        ArmLine(
            name=names.of(arm.key),
            shows=labels.get(arm.content, arm.content),
            share=percent(arm.weight),
            share_now=now.get(arm.key, ""),
            visitors=number(units.get(arm.key, 0)),
            visitors_share=share_words(units.get(arm.key, 0), total),
        )
        for arm in arms
    ]


def _shares_now(experiment: Experiment, arms: Sequence[Arm]) -> dict[str, str]:
    """Return what a bandit gives each arm now: to a visitor of whom nothing is known."""
    if experiment.allocation == Experiment.Allocation.FIXED:
        return {}
    state = BanditState.objects.filter(experiment=experiment).first()
    keys = [arm.key for arm in arms]
    policy = policy_of(
        state.content if state is not None else {},
        kind=experiment.allocation,
        arms=keys,
        weights=[arm.weight for arm in arms],
    )
    return dict(zip(keys, map(percent, policy.weights({})), strict=True))


def _table(n: int, metric: MetricResult, names: Names) -> Table:
    compared = {one.arm: one for one in metric.comparisons}
    reduced = [one.reduced_by for one in metric.comparisons if one.reduced_by]
    return Table(
        name=metric.name,
        role=str(Measure.Role(metric.role).label) if metric.role in Measure.Role else "",
        rows=[_row(arm, compared.get(arm.arm), metric, names) for arm in metric.arms],
        chart=_chart(f"pz-metric-{n}", metric, names),
        reduced_by=change(max(reduced), signed=False) if reduced else "",
    )


def _row(arm: ArmFigures, found: Comparison | None, metric: MetricResult, names: Names) -> Row:
    row = partial(
        Row, arm=names.of(arm.arm), visitors=number(arm.units), level=level(arm.mean, metric.kind)
    )
    if found is None:
        return row(words=_("compared with"))
    if found.verdict == "too_few":
        missing = LEAST_UNITS - arm.units
        words = _("too few: %(n)s more") % {"n": missing} if missing > 0 else _("too few beside it")
        return row(verdict=_VERDICTS["too_few"], words=words)
    return row(
        verdict=_VERDICTS[found.verdict],
        words=verdict_words(found.verdict),
        lift=change(found.lift) if found.lift is not None else signed(found.difference or 0.0),
        between=between(found),
        chance=chance(found.chance_to_win),
        gained=signed_number(found.gained) if found.gained is not None else "",
        gained_between=between_words(found.gained_interval, signed_number)
        if found.gained_interval
        else "",
    )


def verdict_words(verdict: str) -> str:
    return {
        "better": _("better"),
        "worse": _("worse"),
        "unclear": _("not sure yet"),
        "too_few": _("too few"),
    }.get(verdict, verdict)


def _chart(name: str, metric: MetricResult, names: Names) -> SafeString:
    """Return how much each arm differs from the first; by lift where all have one."""
    shown = [one for one in metric.comparisons if one.verdict != "too_few"]
    by_lift = all(one.lift is not None and one.lift_interval is not None for one in shown)
    bars = []
    for one in shown:
        interval = one.lift_interval if by_lift else one.interval
        at = one.lift if by_lift else one.difference
        if interval is None or at is None:
            continue
        bars.append(
            Bar(
                label=names.of(one.arm), at=at, low=interval.low, high=interval.high,
                tone=one.verdict,
            )
        )  # fmt: skip
    title = _("“%(metric)s” beside %(control)s") % {
        "metric": metric.name,
        "control": names.of(metric.arms[0].arm) if metric.arms else "",
    }
    return interval_chart(name, bars, title=title, say=change if by_lift else signed)


def _visitors(result: Result | None, names: Names) -> SafeString:
    if result is None or not any(result.units):
        return SafeString("")
    pairs = [(names.of(arm), n) for arm, n in zip(result.arms, result.units, strict=True)]
    return share_chart("pz-visitors", pairs, title=_("Visitors in each arm"))
