"""Whether a formula can hold at all: a search with a budget.

What is asserted is checked by the atoms themselves. Where a formula says “some of these”, the
parts that cannot be are dropped, and of those that are left each is tried. When the budget is
used up, nothing is said: a false alarm is worse than none.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from personalization.rules.lint_formula import Formula, Join, Literal, every, opposite

#: Checks of one atom against those asserted; rules of people need a few dozen.
BUDGET = 4000


class _OutOfBudget(Exception):
    """It takes too long to find out."""


def impossible(formula: Formula, *, budget: int = BUDGET) -> bool:
    """Return whether it is proven that `formula` never holds."""
    try:
        return not _Search(budget).can_be([formula], ())
    except _OutOfBudget:
        return False


def certain(formula: Formula) -> bool:
    """Return whether it is proven that `formula` always holds."""
    return impossible(opposite(formula))


def implied(conclusion: Formula, *, by: Formula, budget: int = BUDGET) -> bool:
    """Return whether it is proven that `conclusion` holds wherever `by` does."""
    return impossible(every([by, opposite(conclusion)]), budget=budget)


@dataclass
class _Search:
    budget: int

    def can_be(self, todo: Iterable[Formula], asserted: tuple[Literal, ...]) -> bool:
        """Return whether all of `todo` may hold beside what is asserted."""
        known = list(asserted)
        choices: list[Join] = []
        waiting = list(todo)
        while waiting:
            while waiting:
                formula = waiting.pop()
                if isinstance(formula, Join):
                    if formula.every:
                        waiting.extend(formula.parts)
                    else:
                        choices.append(formula)
                elif formula not in known:
                    if self._clashes(formula, known):
                        return False
                    known.append(formula)
            left: list[Join] = []
            for choice in choices:
                parts = self._possible(choice, known)
                if parts is None:
                    continue
                if not parts:
                    return False
                if len(parts) == 1:
                    waiting.append(parts[0])
                else:
                    left.append(Join(False, parts))
            choices = left
        return self._try(choices, tuple(known))

    def _possible(self, choice: Join, known: Sequence[Literal]) -> tuple[Formula, ...] | None:
        """Return the parts of “some of these” that are left; None: one of them holds anyway."""
        left: list[Formula] = []
        for part in choice.parts:
            if isinstance(part, Literal):
                if self._clashes(Literal(part.atom, not part.holds), known):
                    return None
                if self._clashes(part, known):
                    continue
            elif part.every and not part.parts:
                return None
            left.append(part)
        return tuple(left)

    def _try(self, choices: list[Join], known: tuple[Literal, ...]) -> bool:
        if not choices:
            return True
        choice = min(choices, key=lambda each: len(each.parts))
        rest = [each for each in choices if each is not choice]
        before: list[Formula] = []
        for part in choice.parts:
            if self.can_be([*before, *rest, part], known):
                return True
            before.append(opposite(part))  # tried already: from here on it does not hold
        return False

    def _clashes(self, literal: Literal, known: Sequence[Literal]) -> bool:
        self.budget -= 1
        if self.budget < 0:
            raise _OutOfBudget
        return literal.atom.clashes(literal.holds, known)
