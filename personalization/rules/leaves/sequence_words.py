"""A sequence in plain words, and how far a profile has come."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from personalization.rules.catalogue import Catalogue
from personalization.rules.matcher import Matcher
from personalization.rules.sequence import Sequence, Trail
from personalization.rules.where import where_sentence
from personalization.rules.words import at_words, duration_words
from personalization.types import Microseconds


def sequence_words(sequence: Sequence, catalogue: Catalogue, *, denied: bool) -> str:
    """Return the condition in words that follow “visitors who”."""
    words = [*_steps(sequence, catalogue)]
    if sequence.strict:
        words.append("with nothing else in between")
    if sequence.window is not None:
        words.append(f"all within {_length(sequence.window)}")
    if sequence.last is not None:
        words.append(f"in the last {_length(sequence.last).removeprefix('1 ')}")
    joined = ", ".join(words)
    return f"did not do this: {joined}" if denied else joined


def _steps(sequence: Sequence, catalogue: Catalogue) -> Iterator[str]:
    for number, step in enumerate(sequence.steps):
        words = f"{'then ' if number else ''}{_event(step.matcher, catalogue)}"
        if step.within is not None:
            words += f" within {_length(step.within)}"
        if step.without:
            absent = " or ".join(f"“{_event(each, catalogue)}”" for each in step.without)
            words += f" (and in between not {absent})"
        yield words
    for absence in sequence.absences:
        yield (f"then never {_event(absence.matcher, catalogue)} for {_length(absence.duration)}")


def _event(matcher: Matcher, catalogue: Catalogue) -> str:
    phrase = catalogue.phrase(matcher.event)
    if matcher.where is None:
        return phrase
    return f"{phrase} where {where_sentence(matcher.where, catalogue, event=matcher.event)}"


def _length(duration: Microseconds) -> str:
    return duration_words(timedelta(microseconds=duration))


def actual_words(sequence: Sequence, trail: Trail, *, now: Microseconds) -> str:
    """Return how far a profile has come, and when."""
    if trail.ends:
        newest = trail.ends[-1]
        if newest + sequence.ripens > now:
            left = timedelta(seconds=(newest + sequence.ripens - now) // 1_000_000 or 1)
            return (
                f"took every step {at_words(newest, now=now)}, complete in {duration_words(left)}"
            )
        return f"took every step {at_words(newest, now=now)}"
    reached = [number for number, way in enumerate(trail.ways, 1) if way is not None]
    if not reached:
        return "took no step"
    way = trail.ways[reached[-1] - 1]
    assert way is not None
    return f"took step {reached[-1]} of {len(sequence.steps)} {at_words(way[1], now=now)}"
