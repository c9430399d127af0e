"""`trait` and `feature`: a stated or derived value of the profile."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from personalization.exceptions import Problem
from personalization.rules.catalogue import Catalogue, Field
from personalization.rules.compare import shown
from personalization.rules.nodes import Leaf
from personalization.rules.reading import Reader
from personalization.rules.sql import Scope, Sql
from personalization.rules.state import Answer, Facts
from personalization.rules.where import FieldTest
from personalization.types import Json, Microseconds


@dataclass(frozen=True)
class TraitLeaf(Leaf):
    kind = "trait"
    pronoun = "whose"

    test: FieldTest

    @classmethod
    def read(cls, reader: Reader) -> TraitLeaf:
        reader.only("id", "kind", "field", "operator", "value")
        return cls(FieldTest(reader.child("field").path(), reader.comparison()))

    def depends_on(self) -> frozenset[str]:
        return frozenset({f"trait:{self.test.path[0]}"})

    def answer(self, facts: Facts, *, now: Microseconds) -> Answer:
        return Answer(self.test.holds(facts.traits))

    def sql(self, scope: Scope) -> Sql:
        return self.test.sql(scope, column="s.traits")

    def sentence(self, catalogue: Catalogue) -> str:
        return _sentence(self.test, catalogue.traits)

    def denial(self, catalogue: Catalogue) -> str:
        return _sentence(self.test, catalogue.traits, denied=True)

    def actual(self, facts: Facts, *, now: Microseconds) -> str:
        return _actual(self.test, facts.traits)

    def check(self, catalogue: Catalogue, *, pointer: str) -> Iterator[Problem]:
        return self.test.check(catalogue.traits.get(self.test.name), pointer=pointer)


@dataclass(frozen=True)
class FeatureLeaf(Leaf):
    kind = "feature"
    pronoun = "whose"

    test: FieldTest

    @classmethod
    def read(cls, reader: Reader) -> FeatureLeaf:
        reader.only("id", "kind", "field", "operator", "value")
        # The dots of a feature's name belong to the name: features are flat.
        return cls(FieldTest((".".join(reader.child("field").path()),), reader.comparison()))

    def depends_on(self) -> frozenset[str]:
        return frozenset({f"feature:{self.test.name}"})

    def answer(self, facts: Facts, *, now: Microseconds) -> Answer:
        return Answer(self.test.holds(facts.features))

    def sql(self, scope: Scope) -> Sql:
        return self.test.sql(scope, column="s.features")

    def sentence(self, catalogue: Catalogue) -> str:
        return _sentence(self.test, catalogue.features)

    def denial(self, catalogue: Catalogue) -> str:
        return _sentence(self.test, catalogue.features, denied=True)

    def actual(self, facts: Facts, *, now: Microseconds) -> str:
        return _actual(self.test, facts.features)

    def check(self, catalogue: Catalogue, *, pointer: str) -> Iterator[Problem]:
        field = catalogue.features.get(self.test.name)
        if field is None:
            yield Problem(
                pointer=f"{pointer}/field",
                message=f"There is no feature “{self.test.name}”.",
                value=self.test.name,
                allowed=tuple(catalogue.features),
            )
        yield from self.test.check(field, pointer=pointer)


def _sentence(test: FieldTest, fields: Mapping[str, Field], *, denied: bool = False) -> str:
    field = fields.get(test.name)
    comparison = test.comparison.denial() if denied else test.comparison.sentence()
    words = [field.label if field else test.name, comparison]
    if field and field.unit and test.comparison.values:
        words.append(field.unit)
    return " ".join(words)


def _actual(test: FieldTest, data: Mapping[str, Json]) -> str:
    value = test.value(data)
    return "not known" if value is None else shown(value)
