"""What the page of an experiment shows above its form: what, for whom, how it goes, how sure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from personalization.admin.experiment_contents import Offer, about, offers
from personalization.admin.experiment_numbers import number
from personalization.admin.experiment_policies import PolicyLine, policies_of
from personalization.admin.experiment_problems import problem_words
from personalization.admin.experiment_tables import Table, table_of, visitors_chart
from personalization.admin.experiment_words import (
    Headline,
    Names,
    Tone,
    headline,
    is_trusted,
    primary_of,
)
from personalization.admin.wording import share_words
from personalization.experiments.bandits.policy import policy_of
from personalization.experiments.models import Arm, BanditState, Experiment, Finding
from personalization.experiments.ramps import ramp_steps
from personalization.experiments.results import Result
from personalization.experiments.told import result_in
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
        tables=[table_of(n, one, names) for n, one in enumerate(result.metrics)]
        if result is not None and trusted
        else [],
        policies=_policies(experiment, result, names) if trusted else [],
        visitors_chart=visitors_chart(result, names),
        computed_at=finding.computed_at if finding else None,
        error=finding.error if finding else "",
    )


def tones_of(experiments: Iterable[Experiment]) -> dict[str, Tone]:
    """Return how the headlines of experiments that were started look, by slug (one query)."""
    started = {f"experiment:{one.slug}": one for one in experiments if one.started_at is not None}
    found = {one.subject: one for one in Finding.objects.filter(subject__in=started)}
    now, nobody = timezone.now(), Names({})
    return {
        one.slug: headline(result_in(found.get(subject)), nobody, running=True, now=now).tone
        for subject, one in started.items()
    }


def _policies(experiment: Experiment, result: Result | None, names: Names) -> list[PolicyLine]:
    metric = primary_of(result) if result is not None else None
    return policies_of(experiment, names, kind=metric.kind) if metric is not None else []


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
