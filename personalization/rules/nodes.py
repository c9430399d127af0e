"""The tree of a rule: groups of any depth over leaves.

A leaf declares everything there is to know about it: what state it needs, what
can change it, its answer, its SQL, its sentence. Nothing else inspects a leaf.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from personalization.exceptions import Problem
from personalization.rules.canonical import Canonical, group_form, hash_of
from personalization.rules.catalogue import Catalogue
from personalization.rules.groups import Group
from personalization.rules.lint_formula import Flag, Formula, Literal, every, opposite, some
from personalization.rules.matcher import Matcher
from personalization.rules.need import AnyNeed
from personalization.rules.reading import Reader
from personalization.rules.repair import Repair, Situation, waited
from personalization.rules.sql import Scope, Sql
from personalization.rules.state import Answer, Facts
from personalization.rules.where import FieldTest
from personalization.types import Json, Microseconds, Purpose


class Leaf(ABC):
    """One condition on a profile."""

    kind: ClassVar[str]
    purpose: ClassVar[Purpose] = Purpose.PERSONALIZATION
    #: Leads the leaf's words in a sentence: visitors “who ordered”, “whose plan is pro”.
    pronoun: ClassVar[str] = "who"

    @classmethod
    @abstractmethod
    def read(cls, reader: Reader) -> Leaf:
        """Return the leaf stored at `reader`, noting every problem."""

    def depends_on(self) -> frozenset[str]:
        """Return what can change the answer: `counter:KEY`, `trait:NAME`, …"""
        return frozenset(f"counter:{need.key}" for need in self.needs())

    @abstractmethod
    def answer(self, facts: Facts, *, now: Microseconds) -> Answer: ...

    @abstractmethod
    def sql(self, scope: Scope) -> Sql: ...

    @abstractmethod
    def sentence(self, catalogue: Catalogue) -> str:
        """Return the condition in plain words that follow “visitors” and the pronoun."""

    @abstractmethod
    def denial(self, catalogue: Catalogue) -> str:
        """Return the exact opposite of the condition in plain words."""

    @abstractmethod
    def actual(self, facts: Facts, *, now: Microseconds) -> str:
        """Return what the profile really has, in plain words."""

    def needs(self) -> tuple[AnyNeed, ...]:
        """Return what must be kept of the events for the answer."""
        return ()

    @abstractmethod
    def canonical(self) -> Canonical:
        """Return the one form of all ways to write this condition down."""

    def demand(self) -> Formula:
        """Return what must hold of a profile, for finding contradictions; by itself nothing
        is known of the condition but that it holds or not."""
        return Literal(Flag(hash_of(self.canonical().form)), not self.canonical().negated)

    def lookbacks(self) -> Iterator[Lookback]:
        """Yield how far back the condition looks."""
        return iter(())

    def conditions(self) -> int:
        """Return how many conditions on event properties the leaf carries."""
        return 0

    @property
    def browser_visible(self) -> bool:
        """Return whether a browser knows by itself all that the answer depends on."""
        return False

    @property
    def tells_values(self) -> bool:
        """Return whether `actual` says what somebody stated, and not how often or when."""
        return False

    @property
    def live_only(self) -> bool:
        """Return whether only a request can tell, so that nobody is a stored member."""
        return False

    def check(self, catalogue: Catalogue, *, pointer: str) -> Iterator[Problem]:
        """Yield what the catalogue says against this leaf."""
        return iter(())

    def stands_for(self) -> RuleGroup | None:
        """Return the conditions that the leaf is a name for, as of another segment."""
        return None

    def matchers(self) -> tuple[Matcher, ...]:
        """Return which events the leaf looks for."""
        return ()

    def tests(self) -> tuple[tuple[str, FieldTest], ...]:
        """Return what it tests of what is known: (`traits`, test), …"""
        return ()

    def repairs(self, situation: Situation, *, wanted: bool) -> Iterator[Repair]:
        """Yield what would make the answer `wanted`, which it is not; nearest first or not.

        Whoever asks tries it on the whole rule. Time alone is always worth a try.
        """
        at = situation.wait(self, wanted=wanted)
        if at is not None:
            words = f"time passes until {situation.instant(at, late=True)}"
            yield waited(situation, at, words)


RuleGroup = Group[Leaf]


@dataclass(frozen=True, slots=True)
class Lookback:
    """How far back a condition looks: `span` µs, or to dates that end at `end`.

    `pointer` leads from the leaf to where that is said.
    """

    pointer: str
    span: Microseconds = 0
    end: Microseconds | None = None


def group_demand(group: RuleGroup) -> Formula:
    """Return what a group demands of a profile."""
    parts = [
        group_demand(child) if isinstance(child, Group) else child.demand()
        for child in group.children
    ]
    joined = every(parts) if group.combinator == "and" else some(parts)
    return opposite(joined) if group.negated else joined


@dataclass(frozen=True)
class Rule:
    """A parsed, valid rule. `source` is the JSON it was read from."""

    root: RuleGroup
    source: Json = None

    def leaves(self) -> Iterator[Leaf]:
        return self.root.leaves()

    @property
    def definition_hash(self) -> str:
        """SHA-256 of the rule, however it is written down: those of one hash mean the same."""
        return hash_of(group_form(self.root, lambda leaf: leaf.canonical()))

    @property
    def live_only(self) -> bool:
        """Return whether the rule is decided per request, and has no stored members."""
        return any(leaf.live_only for leaf in self.leaves())
