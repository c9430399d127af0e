"""Who the versions of a rule match that an experiment compares: kept as segments of the app itself.

Each arm has one with the rule of its version, so that everything comes from the machinery of
segments: exact to the instant, the same after merges and rebuilds. They are internal: people do
not see them, and their slugs are none that anybody could type.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

from django.db import transaction
from django.utils.translation import gettext as _

from personalization import hints
from personalization.exceptions import PersonalizationError
from personalization.experiments.models import Arm, Experiment
from personalization.experiments.trial import Trial
from personalization.segments.models import Segment, SegmentVersion
from personalization.types import Json

#: What the slugs of these segments begin with.
PREFIX: Final = "arm:"
RULES: Final = Experiment.Kind.RULES.value
_LONGEST: Final = 50


class NoSuchVersion(PersonalizationError):
    """An arm names no version of a rule."""


def segment_of(experiment: str, arm: str) -> str:
    """Return the slug of the segment that keeps who an arm's version of a rule matches."""
    slug = f"{PREFIX}{experiment}:{arm}"
    if len(slug) <= _LONGEST:
        return slug
    return PREFIX + hashlib.blake2b(slug.encode(), digest_size=16).hexdigest()


def is_filled(trial: Trial, filled: Collection[str]) -> bool:
    """Return whether an experiment can put visitors into arms, by the segments that are `filled`.

    Before all that its arms need are, nobody is in any: who is in none yet would look like
    somebody whom the rule does not match.
    """
    if trial.kind != RULES:
        return True
    return all(segment_of(trial.key, arm.key) in filled for arm in trial.arms)


def weights_of_arms(trials: Iterable[Trial], weights: Mapping[str, float]) -> dict[str, float]:
    """Return what the segments of arms weigh: as much as those whose rules they are."""
    return {
        segment_of(trial.key, arm.key): weights[segment]
        for trial in trials
        if trial.kind == RULES
        for arm in trial.arms
        if (segment := arm.content.partition(":")[0]) in weights
    }


@transaction.atomic
def keep_rule_arms(experiment: Experiment) -> None:
    """Have the segments of an experiment that compares versions of rules kept from now on.

    Call it when it starts, with its transaction. For one of another kind nothing happens.

    :raises NoSuchVersion: if an arm names no version of a rule.
    """
    if experiment.kind == RULES:
        for arm in experiment.arms.all():
            _keep(experiment, arm)
        hints.hint(hints.REFRESH_SEGMENTS)


def drop_rule_arms(experiment: Experiment) -> None:
    """Remove the segments of an experiment that runs no more, with who was in them."""
    if experiment.kind != RULES:
        return
    slugs = [segment_of(experiment.slug, arm.key) for arm in experiment.arms.all()]
    if Segment.objects.filter(internal=True, slug__in=slugs).delete()[0]:
        hints.hint(hints.REFRESH_SEGMENTS)


def rule_of_version(content: str) -> Any:
    """Return the rule that an arm names as `segment:number`.

    :raises NoSuchVersion: if there is none.
    """
    slug, _colon, number = content.partition(":")
    versions = SegmentVersion.objects.filter(segment__slug=slug, segment__internal=False)
    rule: Json = None
    if number.isascii() and number.isdigit() and len(number) < 10:
        rule = versions.filter(number=int(number)).values_list("rule", flat=True).first()
    if rule is None:
        raise NoSuchVersion(
            _("“%(content)s” is no version of a rule; segment:number is needed.")
            % {"content": content}
        )
    return rule


def _keep(experiment: Experiment, arm: Arm) -> None:
    slug, rule = segment_of(experiment.slug, arm.key), rule_of_version(arm.content)
    segment = Segment.objects.filter(slug=slug).first()
    if segment is None:
        segment = Segment(slug=slug, internal=True)
    if segment.rule != rule:
        segment.name, segment.rule = f"Arm {arm} of {experiment}"[:100], rule
        segment.save()
