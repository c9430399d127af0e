"""What is wrong with an experiment, said before it runs: where, why, and what to do about it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from personalization.experiments.bucketing import Range
from personalization.experiments.drafts import Draft
from personalization.experiments.models import Experiment
from personalization.experiments.ramps import ramp_problem
from personalization.experiments.wording import percent, range_words

_Kind = Experiment.Kind
#: How far the shares may be from 1 together: three times 33.3 % is meant to be all.
_SLACK: Final = 0.0015
#: Nobody reads results of more.
MOST_ARMS: Final = 12
#: What there is not, by what is compared.
_UNKNOWN: Final = {
    _Kind.VARIATIONS: gettext_lazy("The slot “%(place)s” does not have this content, or not now."),
    _Kind.STRATEGIES: gettext_lazy("There is no strategy “%(content)s”."),
    _Kind.RULES: gettext_lazy("There is no such version of the rule of a segment."),
    _Kind.MODELS: gettext_lazy("There is no such version of what recommends, or it cannot serve."),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Something wrong, at a field of the experiment, at its `arms` or its `measures`.

    `arm` is the place of the arm it is about. What does not block is told and then let be.
    """

    field: str
    code: str
    message: str
    arm: int | None = None
    blocks: bool = True


@dataclass(frozen=True, slots=True)
class Neighbour:
    """Another experiment that runs now."""

    slug: str
    name: str
    kind: str
    place: str
    namespace: str
    held: Range


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What an experiment can be about; None: not looked up, and not judged."""

    places: Collection[str] | None = None
    contents: Collection[str] | None = None


#: Nothing was looked up.
ANYTHING: Final = Known()


def neighbours(*, beside: str) -> tuple[Neighbour, ...]:
    """Return the experiments that run now, but the one with the slug `beside` (one query)."""
    rows = Experiment.objects.running().exclude(slug=beside).order_by("started_at", "pk")
    return tuple(
        Neighbour(
            row.slug, row.name, row.kind, row.place, row.namespace,
            Range(row.namespace_from, row.namespace_until),
        )
        for row in rows
    )  # fmt: skip


def faults_of(
    draft: Draft, *, running: Sequence[Neighbour] = (), known: Known = ANYTHING
) -> tuple[Fault, ...]:
    """Return all that is wrong with a draft, what blocks and what is only told. Pure."""
    return (
        *field_faults(draft, running=running, known=known),
        *arm_faults(draft, known=known),
        *_of_neighbours(draft, running),
        *_of_measures(draft),
    )


def field_faults(
    draft: Draft, *, running: Sequence[Neighbour] = (), known: Known = ANYTHING
) -> tuple[Fault, ...]:
    """Return what is wrong with the experiment itself, whatever its arms and measures are. Pure."""
    return (*_of_place(draft, known), *_of_namespace(draft, running), *_of_time(draft))


def arm_faults(draft: Draft, *, known: Known = ANYTHING) -> tuple[Fault, ...]:
    """Return what is wrong with the arms alone. Pure."""
    return (*_of_shares(draft), *_of_contents(draft, known))


# -- arms -----------------------------------------------------------------------------------


def _of_shares(draft: Draft) -> Iterator[Fault]:
    n = len(draft.arms)
    if n < 2:
        words = _("There is nothing to compare yet: it takes two arms or more.")
        yield Fault(field="arms", code="few_arms", message=words)
    if n > MOST_ARMS:
        words = _("These are %(n)s arms: more than %(most)s would each see too few visitors.")
        yield Fault(field="arms", code="many_arms", message=words % {"n": n, "most": MOST_ARMS})
    for place, arm in enumerate(draft.arms):
        if not (isfinite(arm.weight) and 0 < arm.weight <= 1):
            words = _("Nobody would come into this arm: give it a share, or take it out.")
            yield Fault(field="weight", code="no_share", message=words, arm=place)
    total = sum(arm.weight for arm in draft.arms)
    if n >= 2 and isfinite(total) and abs(total - 1) > _SLACK:
        words = (
            _("The shares add up to %(sum)s, not to 100 %%: take away %(difference)s.")
            if total > 1
            else _("The shares add up to %(sum)s, not to 100 %%: %(difference)s are missing.")
        )
        told = {"sum": percent(total), "difference": percent(abs(total - 1))}
        mend = _("For equal shares give each %(share)s.") % {"share": percent(1 / n)}
        yield Fault(field="arms", code="shares", message=f"{words % told} {mend}")


def _of_contents(draft: Draft, known: Known) -> Iterator[Fault]:
    seen: dict[str, int] = {}
    all_the_same = len(draft.arms) > 1 and len({arm.content for arm in draft.arms}) == 1
    for place, arm in enumerate(draft.arms):
        if problem := _unknown(arm.content, draft, known):
            yield Fault(field="content", code="unknown", message=problem, arm=place)
        elif (first := seen.setdefault(arm.content, place)) != place and not all_the_same:
            words = _("It shows the same as arm %(n)s: the two could only differ by chance.")
            message = words % {"n": first + 1}
            yield Fault(field="content", code="doubled", message=message, arm=place)
    if all_the_same:
        words = _("All arms show the same: that tests the site itself, and finds no winner.")
        yield Fault(field="arms", code="same", message=words, blocks=False)
    if draft.kind == _Kind.RULES:
        yield from _of_one_segment(draft)


def _unknown(content: str, draft: Draft, known: Known) -> str:
    if not content:
        if draft.kind == _Kind.VARIATIONS:
            return ""  # the default
        return _("Say what this arm shows.")
    if known.contents is None or content in known.contents:
        return ""
    words = str(_UNKNOWN[_Kind(draft.kind)])
    return words % {"place": draft.place, "content": content}


def _of_one_segment(draft: Draft) -> Iterator[Fault]:
    segments = [arm.content.partition(":")[0] for arm in draft.arms]
    for place, segment in enumerate(segments):
        if segment and segments[0] and segment != segments[0]:
            words = _("It is a version of “%(one)s”; the first arm is one of “%(other)s”.")
            message = words % {"one": segment, "other": segments[0]}
            yield Fault(field="content", code="other_segment", message=message, arm=place)


# -- where, when, and beside what -------------------------------------------------------------


def _of_place(draft: Draft, known: Known) -> Iterator[Fault]:
    if not draft.place:
        if draft.kind == _Kind.VARIATIONS:
            words = _("Say which slot it is about: contents are those of one slot.")
            yield Fault(field="place", code="no_place", message=words)
    elif known.places is not None and draft.place not in known.places:
        words = _("There is no slot or list “%(place)s”.") % {"place": draft.place}
        yield Fault(field="place", code="unknown_place", message=words)


def _of_namespace(draft: Draft, running: Sequence[Neighbour]) -> Iterator[Fault]:
    if not draft.namespace:
        return
    held = draft.held
    if not 0 <= held.start < held.end <= 1:
        words = _("The part of the namespace has to end after it begins, within 0 to 100 %.")
        yield Fault(field="namespace_until", code="range", message=words)
        return
    others = [one for one in running if one.namespace == draft.namespace]
    clashing = [one for one in others if one.held.start < held.end and held.start < one.held.end]
    if not clashing:
        return
    taken = ", ".join(
        _("“%(name)s” has %(range)s") % {"name": one.name, "range": range_words(one.held)}
        for one in clashing
    )
    if free := free_ranges(one.held for one in others):
        told = ", ".join(map(range_words, free))
        mend = _("Free: %(ranges)s.") % {"ranges": told}
    else:
        mend = _("Nothing of it is free: stop one that runs, or take another namespace.")
    words = _("In this namespace %(taken)s; visitors would be in both.") % {"taken": taken}
    yield Fault(field="namespace_from", code="overlap", message=f"{words} {mend}")


def free_ranges(taken: Iterable[Range]) -> tuple[Range, ...]:
    """Return what is left of [0, 1), in its order."""
    free, at = [], 0.0
    for start, end in sorted(taken):
        if start > at:
            free.append(Range(at, start))
        at = max(at, end)
    if at < 1:
        free.append(Range(at, 1.0))
    return tuple(free)


def _of_time(draft: Draft) -> Iterator[Fault]:
    if draft.starts_at and draft.ends_at and draft.ends_at <= draft.starts_at:
        words = _("It ends before it begins; give it a later end, or none.")
        yield Fault(field="ends_at", code="end", message=words)
    if not (isfinite(draft.coverage) and 0 < draft.coverage <= 1):
        words = _("Nobody would take part: give it a share of the visitors above 0 %.")
        yield Fault(field="coverage", code="coverage", message=words)
    if problem := ramp_problem(draft.ramp, coverage=draft.coverage):
        yield Fault(field="ramp", code="ramp", message=problem)


def _of_neighbours(draft: Draft, running: Sequence[Neighbour]) -> Iterator[Fault]:
    """Warn of an experiment with contents in the same slot: only one of two has the say."""
    if draft.kind != _Kind.VARIATIONS:
        return
    for one in running:
        apart = draft.namespace and one.namespace == draft.namespace
        if one.kind == draft.kind and one.place == draft.place and not apart:
            words = _(
                "“%(name)s” runs in this slot already and has the say before: whoever takes part "
                "in it does not take part in this one. Give both a part of one namespace."
            )
            message = words % {"name": one.name}
            yield Fault(field="place", code="same_slot", message=message, blocks=False)


def _of_measures(draft: Draft) -> Iterator[Fault]:
    if not draft.primaries:
        words = _("No metric decides yet: choose one, so that it can be told which arm is better.")
        yield Fault(field="measures", code="no_primary", message=words)


def blocking(faults: Sequence[Fault]) -> tuple[Fault, ...]:
    return tuple(fault for fault in faults if fault.blocks)
