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
from personalization.rules.catalogue import Catalogue
from personalization.rules.groups import Group
from personalization.rules.matcher import CounterNeed
from personalization.rules.reading import Reader
from personalization.rules.sql import Scope, Sql
from personalization.rules.state import Answer, Facts
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

    @abstractmethod
    def depends_on(self) -> frozenset[str]:
        """Return what can change the answer: `event:NAME`, `trait:NAME`, …"""

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

    def counters(self) -> tuple[CounterNeed, ...]:
        """Return the counters the answer is read from."""
        return ()

    def check(self, catalogue: Catalogue, *, pointer: str) -> Iterator[Problem]:
        """Yield what the catalogue says against this leaf."""
        return iter(())


RuleGroup = Group[Leaf]


@dataclass(frozen=True)
class Rule:
    """A parsed, valid rule. `source` is the JSON it was read from."""

    root: RuleGroup
    source: Json = None

    def leaves(self) -> Iterator[Leaf]:
        return self.root.leaves()
