"""Synthetic visitors: for a rule, somebody who enters it and how they leave it again.

Both are what the search for repairs finds, from a visitor of whom nothing is known. So an
absence, a window or a sequence is as good as any other condition.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from personalization.clock import span
from personalization.rules.catalogue import Catalogue
from personalization.rules.change import NO_FACTS, Change, applied
from personalization.rules.change_words import change_words
from personalization.rules.evaluate import evaluate
from personalization.rules.nodes import Rule
from personalization.rules.repair import Budget
from personalization.rules.turning import Question, Turned, Turning
from personalization.types import Microseconds

#: How often leaves are asked in one attempt.
MAX_ANSWERS = 4000
#: Events a minute apart look like a visit; where that is too slow, they follow at once.
PACES = (span(timedelta(minutes=1)), 1)
#: How long before a span of dates a visitor appears who is to be there in time.
_AHEAD = span(timedelta(days=1))
NOBODY = "No visitor was found who enters. Perhaps the conditions contradict each other."
EVERYBODY = "Nothing was found that lets this visitor leave. Perhaps the rule holds for everybody."


@dataclass(frozen=True, kw_only=True)
class Witness:
    """A visitor of whom nothing was known, and then `change` happened.

    `steps` are the same in plain words, in the order of time.
    """

    change: Change
    steps: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Witnesses:
    """Who enters a rule, and what lets the same visitor leave it afterwards.

    Both were tried before they are handed out. None: the search gave up, and `reason` says
    on what. `leaves.change` follows on `enters.change`; where nothing happens in it, the
    visitor leaves by time alone at `leaves.change.at`.
    """

    enters: Witness | None
    leaves: Witness | None
    reason: str = ""


def witnesses(rule: Rule, *, now: Microseconds, catalogue: Catalogue | None = None) -> Witnesses:
    """Return a visitor who enters a linked rule, at `now` if the rule lets them choose when,
    and how they leave it. `catalogue` is for the words."""
    known = catalogue or Catalogue()
    question = Question.of(rule)
    entered = next(_entering(rule, question, now), None)
    if entered is None:
        return Witnesses(enters=None, leaves=None, reason=NOBODY)
    enters = Witness(
        change=entered.change, steps=change_words(entered.change, known, now=entered.change.at)
    )
    left = next(_leaving(rule, question, entered), None)
    if left is None:
        return Witnesses(enters=enters, leaves=None, reason=EVERYBODY)
    steps = change_words(left.change, known, now=entered.change.at)
    return Witnesses(enters=enters, leaves=Witness(change=left.change, steps=steps))


def _entering(rule: Rule, question: Question, now: Microseconds) -> Iterator[Turned]:
    """Yield visitors who really enter."""
    for pace in PACES:
        for start in _starts(question, now):
            nobody = Turned((), Change(at=start), NO_FACTS)
            for found in _turned(question, nobody, pace, wanted=True):
                found = _ending(found, question, now)
                if evaluate(rule, found.facts, now=found.change.at).holds:
                    yield found


def _starts(question: Question, now: Microseconds) -> list[Microseconds]:
    """Return when the visitor may appear: now, or in time for the spans of dates."""
    dated = [matcher.between.start for matcher in question.shapes.matchers if matcher.between]
    return [now, min(dated) - _AHEAD] if dated else [now]


def _ending(found: Turned, question: Question, now: Microseconds) -> Turned:
    """Return the same visitor, so much earlier that they enter at `now`, if that works."""
    change = found.change.shifted(now - found.change.at)
    facts = applied(change, NO_FACTS, needs=question.needs)
    if not question.holds(facts, now=change.at):
        return found
    return Turned(found.repairs, change, facts)


def _leaving(rule: Rule, question: Question, entered: Turned) -> Iterator[Turned]:
    """Yield what makes them leave."""
    for pace in PACES:
        for found in _turned(question, entered, pace, wanted=False):
            if not evaluate(rule, found.facts, now=found.change.at).holds:
                yield found


def _turned(
    question: Question, visitor: Turned, pace: Microseconds, *, wanted: bool
) -> Iterator[Turned]:
    return Turning(
        question=question,
        facts=visitor.facts,
        now=visitor.change.at,
        first=len(visitor.change.occurrences),
        wanted=wanted,
        budget=Budget(MAX_ANSWERS),
        pace=pace,
        catalogue=Catalogue(),
    ).turned()
