"""What would change the answer of a rule for one visitor: the nearest ways, each of them tried."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice

from personalization.rules.catalogue import Catalogue
from personalization.rules.change import Change
from personalization.rules.evaluate import evaluate
from personalization.rules.nodes import Rule
from personalization.rules.repair import Budget
from personalization.rules.state import Facts
from personalization.rules.turning import Question, Turned, Turning
from personalization.types import Microseconds

#: How often leaves are asked until the search gives up.
MAX_ANSWERS = 2000
#: Things happen one right after the other: what must be fresh is fresh.
_PACE = 1
#: Ways that are looked at for each suggestion; many are the same in other properties.
_LOOKED_AT = 8


@dataclass(frozen=True, kw_only=True)
class Suggestion:
    """One way to turn the answer.

    `steps` are its parts in plain words, all of them needed. `change` is the same for
    machines: applied to the visitor, the rule answers otherwise at `change.at`. What
    happens must happen `before` an instant where one is named: then too much of what
    counts today will be too old.
    """

    steps: tuple[str, ...]
    change: Change
    before: Microseconds | None = None

    @property
    def words(self) -> str:
        return ", and ".join(self.steps)

    @property
    def at(self) -> Microseconds:
        return self.change.at


def suggestions(
    rule: Rule, facts: Facts, catalogue: Catalogue, *, now: Microseconds, most: int = 3
) -> tuple[Suggestion, ...]:
    """Return the nearest ways in which the answer of a linked rule for `facts` would turn.

    Nearest first, `most` at most; none where nothing that was tried turns it. Each was
    tried. `facts` are all that is known at `now`; their log is read where what is kept does
    not tell.
    """
    turning = Turning(
        question=Question.of(rule),
        facts=facts,
        now=now,
        wanted=not evaluate(rule, facts, now=now).holds,
        budget=Budget(MAX_ANSWERS),
        pace=_PACE,
        catalogue=catalogue,
    )
    found: list[Suggestion] = []
    done: list[frozenset[tuple[int, bool]]] = []
    for turned in islice(turning.turned(), most * _LOOKED_AT):
        what = frozenset((repair.leaf, repair.only_time) for repair in turned.repairs)
        if any(less <= what for less in done):
            continue  # the same again, or more than is needed
        done.append(what)
        found.append(_suggestion(turned))
        if len(found) == most:
            break
    return tuple(found)


def _suggestion(turned: Turned) -> Suggestion:
    steps = dict.fromkeys(repair.words for repair in turned.repairs)
    return Suggestion(steps=tuple(steps), change=turned.change, before=_before(turned))


def _before(turned: Turned) -> Microseconds | None:
    instants = [repair.before for repair in turned.repairs if repair.before is not None]
    return min(instants, default=None)
