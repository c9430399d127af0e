"""What experiments make of a slot: pure, before caps, schedules and strategies have their say."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from personalization.delivery.published import Candidate, Place
from personalization.delivery.rule_arms import segment_of
from personalization.delivery.standing import Standing
from personalization.experiments.trial import Assigned, Choice, Entrant, Trial, assign

#: What a visitor would see of a place, by the keys of its contents.
Outcome = Callable[[Place, Standing], str]

VARIATIONS, STRATEGIES, RULES, MODELS = "variations", "strategies", "rules", "models"


@dataclass(frozen=True, slots=True)
class Arms:
    """The place as the arms of a visitor have it, and those of them that count."""

    place: Place
    assigned: tuple[Assigned, ...] = ()


def arms_of(place: Place, standing: Standing, *, outcome: Outcome) -> Arms:
    """Return what the experiments of a place make of it for a visitor.

    The first experiment with contents has the say, alone; of those with strategies, the first
    one; and of those with versions of rules, one for each segment. All of them do what they say,
    but one of which this visitor could not tell in which arm they are does not count.
    """
    if not place.trials:
        return Arms(place)
    entrant = entrant_of(standing)
    counted: list[Assigned] = []
    taken = set[str]()
    for trial in place.trials:
        if standing.preview and trial.key not in standing.forced:
            continue
        if trial.kind in taken or (found := assign(trial, entrant)) is None:
            continue
        arm, assigned = found
        if standing.preview or _counts(trial, place, standing, outcome):
            counted.append(assigned)
        place = changed(place, trial, arm)
        if trial.kind == VARIATIONS:
            break
        taken.update({trial.kind} - {RULES})
    return Arms(place, tuple(counted))


def changed(place: Place, trial: Trial, arm: Choice) -> Place:
    """Return the place as one arm of an experiment that is about it has it."""
    key = trial.key, arm.key
    if (found := place.by_arm.get(key)) is None:
        found = place.by_arm[key] = _changed(place, trial, arm)
    return found


def _changed(place: Place, trial: Trial, arm: Choice) -> Place:
    if trial.kind == VARIATIONS:
        only = tuple(one for one in place.candidates if one.key == arm.content)
        return replace(place, candidates=only, is_fixed=True)
    if trial.kind == STRATEGIES:
        return replace(place, strategy=arm.content)
    segment, own = _segment_in(arm), segment_of(trial.key, arm.key)
    told = tuple(_renamed(one, segment, own) for one in place.candidates)
    return replace(place, candidates=told)


def concerning(trials: Iterable[Trial], place: Place) -> tuple[Trial, ...]:
    """Return those that are about the place: those with contents first, as they have the say."""
    found = [one for one in trials if _concerns(one, place)]
    return tuple(sorted(found, key=lambda one: one.kind != VARIATIONS))


def _concerns(trial: Trial, place: Place) -> bool:
    if trial.kind == VARIATIONS:
        return trial.place == place.slug
    if trial.place not in ("", place.slug) or trial.kind not in (STRATEGIES, RULES):
        return False
    if trial.kind == STRATEGIES:
        return True
    segments = {_segment_in(arm) for arm in trial.arms}
    return any(segments.intersection(one.segments) for one in place.candidates)


def _counts(trial: Trial, place: Place, standing: Standing, outcome: Outcome) -> bool:
    """Return whether the visitor tells something about the experiment.

    Who would see the same in each arm does not. Where all arms are meant to show the same, whoever
    sees anything does.
    """
    seen = {outcome(changed(place, trial, arm), standing) for arm in trial.arms}
    if len({arm.content for arm in trial.arms}) == 1:
        return seen != {""}
    return len(seen) > 1


def entrant_of(standing: Standing) -> Entrant:
    """Return who may take part."""
    return Entrant(
        unit=standing.unit,
        segments=standing.segments,
        now=standing.now,
        context=standing.features,
        forced=standing.forced,
    )


def _segment_in(arm: Choice) -> str:
    return arm.content.partition(":")[0]


def _renamed(candidate: Candidate, segment: str, own: str) -> Candidate:
    if segment not in candidate.segments:
        return candidate
    names = tuple(own if slug == segment else slug for slug in candidate.segments)
    return replace(candidate, segments=names)
