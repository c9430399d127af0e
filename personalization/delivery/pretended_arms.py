"""The arms of experiments that a preview shows, also of experiments that do not run yet."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from personalization.delivery.published import Published
from personalization.delivery.rule_arms import RULES, segment_of
from personalization.experiments.models import Experiment
from personalization.experiments.running import trials_of
from personalization.experiments.trial import Trial


def with_experiments(config: Published, arms: Mapping[str, str]) -> Published:
    """Return what is published with the experiments that `arms` names: for one preview alone."""
    running = {trial.key for trial in config.trials}
    drafts = [slug for slug in arms if slug not in running]
    if not drafts:
        return config
    open_ones = Experiment.objects.filter(slug__in=drafts).exclude(status="stopped")
    trials = (*config.trials, *trials_of(open_ones.order_by("pk")))
    return replace(config, trials=trials, places={})


def arms_like(
    segments: frozenset[str], trials: Iterable[Trial], arms: Mapping[str, str]
) -> frozenset[str]:
    """Return the segments of the arms that somebody is in who is in exactly `segments`.

    The version of a rule that an arm shows matches them if they are said to be in its segment.
    """
    return frozenset(
        segment_of(trial.key, arm.key)
        for trial in trials
        if trial.kind == RULES
        for arm in trial.arms
        if arms.get(trial.key) == arm.key and arm.content.partition(":")[0] in segments
    )
