"""What would turn a sequence: the steps that are missing, and time in which nothing happens."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from personalization.rules.repair import (
    Answering,
    Repair,
    Situation,
    happened,
    matcher_words,
    waited,
)
from personalization.rules.sequence import Sequence, Trail
from personalization.rules.shapes import Shape

#: So many ways for the events of the steps to look are tried.
_LOOKS = 3


class Repairable(Answering, Protocol):
    """A sequence leaf, as far as repairs look at it."""

    @property
    def sequence(self) -> Sequence: ...


def sequence_repairs(
    leaf: Repairable, trail: Trail, situation: Situation, *, wanted: bool
) -> Iterator[Repair]:
    at = situation.wait(leaf, wanted=wanted)
    if at is not None:
        yield waited(situation, at, _idle(leaf.sequence, situation, at))
    if not wanted:
        return
    for first in _starts(trail):
        found = list(_from(leaf, situation, first))
        yield from found
        if found and first:
            return


def _starts(trail: Trail) -> Iterator[int]:
    """Yield the steps to go on with, the last one first; the first step is always possible."""
    for number in reversed(range(len(trail.ways))):
        if trail.ways[number] is not None:
            yield number + 1
    yield 0


def _from(leaf: Repairable, situation: Situation, first: int) -> Iterator[Repair]:
    sequence = leaf.sequence
    steps = sequence.steps[first:]
    looks: set[tuple[int, ...]] = set()
    for look in range(_LOOKS):
        shapes: list[Shape] = []
        for step in steps:
            found = situation.shapes.of(step.matcher)
            if found:
                shapes.append(found[min(look, len(found) - 1)])
        if len(shapes) < len(steps) or (key := tuple(map(id, shapes))) in looks:
            return
        looks.add(key)
        change = situation.happening(shapes, then=sequence.ripens)
        if situation.answer(leaf, change).holds:
            words = ", then ".join(
                matcher_words(step.matcher, situation.catalogue) for step in steps
            )
            if sequence.absences:
                words += f", then {_idle(sequence, situation, change.at)}"
            yield happened(change, words, situation=situation)


def _idle(sequence: Sequence, situation: Situation, at: int) -> str:
    until = situation.instant(at, late=True)
    if not sequence.absences:
        return f"time passes until {until}"
    missing = " or ".join(
        matcher_words(absence.matcher, situation.catalogue) for absence in sequence.absences
    )
    return f"no {missing} until {until}"
