"""`trait` and `feature`: a stated or derived value of the profile."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from personalization.exceptions import Problem
from personalization.rules.canonical import Canonical, field_form
from personalization.rules.catalogue import Catalogue, Field
from personalization.rules.compare import OF_ENCRYPTED, shown
from personalization.rules.derived import DerivedFeature, derived_features
from personalization.rules.lint_formula import Formula, Literal
from personalization.rules.lint_values import Value
from personalization.rules.need import AnyNeed
from personalization.rules.nodes import Leaf, Lookback, RuleGroup
from personalization.rules.reading import Reader
from personalization.rules.repair import Repair, Situation, becoming
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

    def canonical(self) -> Canonical:
        return field_form(self.kind, self.test)

    def demand(self) -> Formula:
        return Literal(Value(f"trait:{self.test.name}", self.test.comparison))

    def depends_on(self) -> frozenset[str]:
        return frozenset({f"trait:{self.test.path[0]}"})

    def tests(self) -> tuple[tuple[str, FieldTest], ...]:
        return (("traits", self.test),)

    @property
    def tells_values(self) -> bool:
        return True

    def repairs(self, situation: Situation, *, wanted: bool) -> Iterator[Repair]:
        label = _label(self.test, situation.catalogue.traits)
        return becoming(self.test, "traits", situation, label=label, wanted=wanted)

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
        if self.test.path[0] in catalogue.encrypted:
            yield from _check_encrypted(self.test, pointer=pointer)
        else:
            yield from self.test.check(catalogue.traits.get(self.test.name), pointer=pointer)


def _check_encrypted(test: FieldTest, *, pointer: str) -> Iterator[Problem]:
    name = test.path[0]
    if len(test.path) > 1:
        yield Problem(
            pointer=f"{pointer}/field",
            message=f"The trait “{name}” is kept encrypted: nothing inside of it is known.",
            value=test.name,
            allowed=(name,),
        )
    elif test.comparison.operator not in OF_ENCRYPTED:
        yield Problem(
            pointer=f"{pointer}/operator",
            message=f"The trait “{name}” is kept encrypted: a rule can only ask whether it is known.",
            value=test.comparison.operator,
            allowed=OF_ENCRYPTED,
        )


@dataclass(frozen=True)
class FeatureLeaf(Leaf):
    kind = "feature"
    pronoun = "whose"

    test: FieldTest
    #: Set where rules decide the value.
    derived: DerivedFeature | None = None

    @classmethod
    def read(cls, reader: Reader) -> FeatureLeaf:
        reader.only("id", "kind", "field", "operator", "value")
        # The dots of a feature's name belong to the name: features are flat.
        name = ".".join(reader.child("field").path())
        return cls(FieldTest((name,), reader.comparison()), derived_features.get(name))

    def canonical(self) -> Canonical:
        return field_form(self.kind, self.test)

    def demand(self) -> Formula:
        if self.derived is not None:
            return self.derived.demand(self.test.comparison)
        return Literal(Value(f"feature:{self.test.name}", self.test.comparison))

    def lookbacks(self) -> Iterator[Lookback]:
        for leaf in self._leaves():
            for found in leaf.lookbacks():
                yield replace(found, pointer="/field")

    def _leaves(self) -> Iterator[Leaf]:
        return self.derived.leaves() if self.derived else iter(())

    def depends_on(self) -> frozenset[str]:
        own = frozenset({f"feature:{self.test.name}"})
        return own.union(*(leaf.depends_on() for leaf in self._leaves()))

    def needs(self) -> tuple[AnyNeed, ...]:
        return tuple(need for leaf in self._leaves() for need in leaf.needs())

    def stands_for(self) -> RuleGroup | None:
        return self.derived.stands_for(self.test.comparison) if self.derived else None

    def tests(self) -> tuple[tuple[str, FieldTest], ...]:
        return (("features", self.test),) if self.derived is None else ()

    def repairs(self, situation: Situation, *, wanted: bool) -> Iterator[Repair]:
        label = _label(self.test, situation.catalogue.features)
        return becoming(self.test, "features", situation, label=label, wanted=wanted)

    @property
    def live_only(self) -> bool:
        return any(leaf.live_only for leaf in self._leaves())

    def answer(self, facts: Facts, *, now: Microseconds) -> Answer:
        if self.derived is not None:
            return self.derived.answer(self.test.comparison, facts, now=now)
        return Answer(self.test.holds(facts.features))

    def sql(self, scope: Scope) -> Sql:
        if self.derived is not None:
            return self.derived.sql(self.test.comparison, scope)
        return self.test.sql(scope, column="s.features")

    def sentence(self, catalogue: Catalogue) -> str:
        return _sentence(self.test, catalogue.features)

    def denial(self, catalogue: Catalogue) -> str:
        return _sentence(self.test, catalogue.features, denied=True)

    def actual(self, facts: Facts, *, now: Microseconds) -> str:
        if self.derived is not None:
            value = self.derived.value(facts, now=now)
            return "not known" if value is None else shown(value)
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


def _label(test: FieldTest, fields: Mapping[str, Field]) -> str:
    field = fields.get(test.name)
    return field.label if field else test.name


def _sentence(test: FieldTest, fields: Mapping[str, Field], *, denied: bool = False) -> str:
    field = fields.get(test.name)
    comparison = test.comparison.denial() if denied else test.comparison.sentence()
    words = [_label(test, fields), comparison]
    if field and field.unit and test.comparison.values:
        words.append(field.unit)
    return " ".join(words)


def _actual(test: FieldTest, data: Mapping[str, Json]) -> str:
    value = test.value(data)
    return "not known" if value is None else shown(value)
