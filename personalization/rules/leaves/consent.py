"""`consent`: whether the visitor agreed to a purpose."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from personalization.rules.canonical import Canonical
from personalization.rules.catalogue import Catalogue
from personalization.rules.change import Change
from personalization.rules.compare import Comparison
from personalization.rules.lint_formula import ALWAYS, Formula
from personalization.rules.nodes import Leaf
from personalization.rules.reading import Reader
from personalization.rules.repair import Repair, Situation
from personalization.rules.sql import TRUE, Scope, Sql
from personalization.rules.state import Answer, Facts
from personalization.rules.where import FieldTest
from personalization.types import Microseconds, Purpose


@dataclass(frozen=True)
class ConsentLeaf(Leaf):
    kind = "consent"

    to: Purpose

    @classmethod
    def read(cls, reader: Reader) -> ConsentLeaf:
        reader.only("id", "kind", "purpose")
        return cls(Purpose(reader.child("purpose").choice(Purpose.values)))

    @property
    def _test(self) -> FieldTest:
        return FieldTest((self.to.value,), Comparison("=", (True,)))

    def repairs(self, situation: Situation, *, wanted: bool) -> Iterator[Repair]:
        if self.to == Purpose.NECESSARY:
            return
        purpose = self.to.label.lower()
        yield Repair(
            words=f"agrees to {purpose}" if wanted else f"no longer agrees to {purpose}",
            change=Change(at=situation.now, consents={self.to.value: wanted}),
            effort=2,
        )

    def canonical(self) -> Canonical:
        return Canonical([self.kind, self.to.value])

    def demand(self) -> Formula:
        return ALWAYS if self.to == Purpose.NECESSARY else super().demand()

    def depends_on(self) -> frozenset[str]:
        return frozenset({"consent"})

    def answer(self, facts: Facts, *, now: Microseconds) -> Answer:
        return Answer(self.to == Purpose.NECESSARY or self._test.holds(facts.consents))

    def sql(self, scope: Scope) -> Sql:
        if self.to == Purpose.NECESSARY:
            return TRUE
        return self._test.sql(scope, column="s.consents")

    def sentence(self, catalogue: Catalogue) -> str:
        return f"agreed to {self.to.label.lower()}"

    def denial(self, catalogue: Catalogue) -> str:
        return f"did not agree to {self.to.label.lower()}"

    def actual(self, facts: Facts, *, now: Microseconds) -> str:
        return "agreed" if self.answer(facts, now=now).holds else "did not agree"
