"""What experiments make of a slot: pure, before caps, schedules and strategies have their say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from personalization.delivery.published import Candidate, Place
from personalization.delivery.standing import Standing
from personalization.experiments.trial import Assigned, Choice, Entrant, Trial, assign

#: What a visitor would see of a place, by the keys of its contents.
Outcome = Callable[[Place, Standing], str]

VARIATIONS, STRATEGIES, RULES = "variations", "strategies", "rules"


@dataclass(frozen=True, slots=True)
class Arms:
    """The place as the arms of a visitor have it. `is_fixed`: what is shown is `left`, if
    anything, whatever the strategy would pick."""

    place: Place
    assigned: tuple[Assigned, ...] = ()
    left: tuple[Candidate, ...] = ()
    is_fixed: bool = False


def arms_of(place: Place, standing: Standing, *, outcome: Outcome) -> Arms:
    """Return what the experiments of a place make of it for a visitor.

    The first experiment with contents has the say; of two with strategies, or with versions of
    one rule, both count. One whose arms all show the same to this visitor does not count: it
    could tell nothing.
    """
    arms = Arms(place)
    if not place.trials:
        return arms
    entrant = Entrant(
        unit=standing.unit,
        segments=standing.segments,
        now=standing.now,
        context=standing.features,
        forced=standing.forced,
    )
    for trial in place.trials:
        if standing.preview and trial.key not in standing.forced:
            continue
        if (found := assign(trial, entrant)) is None:
            continue
        arm, assigned = found
        if trial.kind == VARIATIONS:
            left = tuple(one for one in place.candidates if one.key == arm.content)
            return replace(arms, assigned=(*arms.assigned, assigned), left=left, is_fixed=True)
        if standing.preview or _differs(trial, arms.place, standing, outcome):
            arms = replace(
                arms,
                place=changed(arms.place, trial, arm),
                assigned=(*arms.assigned, assigned),
            )
    return replace(arms, left=arms.place.candidates)


def changed(place: Place, trial: Trial, arm: Choice) -> Place:
    """Return the place as one arm of an experiment with strategies or rules has it."""
    if trial.kind == STRATEGIES:
        return replace(place, strategy=arm.content)
    segment = arm.content.partition(":")[0]
    own = segment_of(trial.key, arm.key)
    return replace(
        place,
        candidates=tuple(
            replace(one, segments=tuple(own if slug == segment else slug for slug in one.segments))
            if segment in one.segments
            else one
            for one in place.candidates
        ),
    )


def segment_of(experiment: str, arm: str) -> str:
    """Return the slug of the internal segment that keeps who an arm's version of a rule matches."""
    return f"arm:{experiment}:{arm}"


def concerns(trial: Trial, place: Place) -> bool:
    """Return whether an experiment is about the place."""
    if trial.kind == RULES:
        segments = {arm.content.partition(":")[0] for arm in trial.arms}
        named = any(segments.intersection(one.segments) for one in place.candidates)
        return named and trial.place in ("", place.slug)
    if trial.kind == STRATEGIES:
        return trial.place in ("", place.slug)
    return trial.kind == VARIATIONS and trial.place == place.slug


def _differs(trial: Trial, place: Place, standing: Standing, outcome: Outcome) -> bool:
    seen = {outcome(changed(place, trial, arm), standing) for arm in trial.arms}
    return len(seen) > 1
