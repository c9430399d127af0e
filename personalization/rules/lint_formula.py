"""What a rule demands, as a formula over atoms: statements that hold or do not.

Leaves say what they demand in these terms, and `lint_search` asks whether it can all be true
at once. A formula carries no negation: each literal says whether its atom holds.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

#: A topic that has to do with every event, whatever its name.
ANY_EVENT = "event:*"


class Atom(ABC):
    """A statement about a profile at an instant."""

    @property
    @abstractmethod
    def topics(self) -> frozenset[str]:
        """Return what it speaks of: atoms without a common topic never contradict each other."""

    @abstractmethod
    def clashes(self, holds: bool, asserted: Sequence[Literal]) -> bool:
        """Return whether it cannot be that this atom `holds` (or not) beside all `asserted`.

        True is a proof; where it is not known, the answer is False.
        """


@dataclass(frozen=True, slots=True)
class Literal:
    """An atom that holds, or does not."""

    atom: Atom
    holds: bool = True


@dataclass(frozen=True, slots=True)
class Join:
    """Every one of its parts, or some of them."""

    every: bool
    parts: tuple[Formula, ...] = ()


Formula: TypeAlias = "Literal | Join"

ALWAYS = Join(True)
NEVER = Join(False)


def every(parts: Iterable[Formula]) -> Formula:
    return Join(True, tuple(parts))


def some(parts: Iterable[Formula]) -> Formula:
    return Join(False, tuple(parts))


def opposite(formula: Formula) -> Formula:
    """Return the exact complement."""
    if isinstance(formula, Literal):
        return Literal(formula.atom, not formula.holds)
    return Join(not formula.every, tuple(opposite(part) for part in formula.parts))


def atoms(formula: Formula) -> Iterator[Atom]:
    if isinstance(formula, Literal):
        yield formula.atom
        return
    for part in formula.parts:
        yield from atoms(part)


def conjuncts(formula: Formula) -> Iterator[Formula]:
    """Yield parts that hold all together exactly where the formula does."""
    if isinstance(formula, Join) and formula.every:
        for part in formula.parts:
            yield from conjuncts(part)
    else:
        yield formula


def topics(formula: Formula) -> frozenset[str]:
    return frozenset().union(*(atom.topics for atom in atoms(formula)))


def related(one: frozenset[str], other: frozenset[str]) -> bool:
    """Return whether formulas on these topics can have to do with each other."""
    if not one.isdisjoint(other):
        return True
    pairs = ((one, other), (other, one))
    return any(
        ANY_EVENT in some and any(each.startswith("event:") for each in others)
        for some, others in pairs
    )


@dataclass(frozen=True)
class Flag(Atom):
    """A statement that has to do with no other, such as a consent. `name` is its topic."""

    name: str

    @property
    def topics(self) -> frozenset[str]:
        return frozenset({self.name})

    def clashes(self, holds: bool, asserted: Sequence[Literal]) -> bool:
        return any(each.atom == self and each.holds is not holds for each in asserted)
