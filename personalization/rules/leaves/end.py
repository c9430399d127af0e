"""An end that a rule has from outside: from then on it holds for nobody.

No kind that can be stored: a segment that ends is its rule and this.
"""

from __future__ import annotations

from dataclasses import dataclass

from personalization.clock import moment
from personalization.rules.canonical import Canonical
from personalization.rules.catalogue import Catalogue
from personalization.rules.groups import Group
from personalization.rules.nodes import Leaf, Rule
from personalization.rules.reading import Reader
from personalization.rules.sql import FALSE, TRUE, Scope, Sql
from personalization.rules.state import Answer, Facts
from personalization.types import Microseconds


@dataclass(frozen=True)
class EndLeaf(Leaf):
    """Holds before the instant `at`."""

    kind = "end"
    pronoun = "until"

    at: Microseconds

    @classmethod
    def read(cls, reader: Reader) -> EndLeaf:
        raise NotImplementedError("The end of a segment is no part of its rule.")

    def canonical(self) -> Canonical:
        return Canonical([self.kind, self.at])

    def depends_on(self) -> frozenset[str]:
        return frozenset()

    def answer(self, facts: Facts, *, now: Microseconds) -> Answer:
        return Answer(True, self.at) if now < self.at else Answer(False)

    def sql(self, scope: Scope) -> Sql:
        return TRUE if scope.now < self.at else FALSE

    def sentence(self, catalogue: Catalogue) -> str:
        return f"{moment(self.at):%Y-%m-%d %H:%M} UTC"

    def denial(self, catalogue: Catalogue) -> str:
        return f"after {self.sentence(catalogue)}"

    def actual(self, facts: Facts, *, now: Microseconds) -> str:
        return "not over yet" if now < self.at else "over"


def ended(rule: Rule, *, at: Microseconds | None) -> Rule:
    """Return the rule that holds as `rule` does, but for nobody from `at` on."""
    if at is None:
        return rule
    return Rule(Group("and", (rule.root, EndLeaf(at))), rule.source)
