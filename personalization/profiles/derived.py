"""Features whose value is decided by rules: how they are defined, and what they say of somebody.

A site adds its own in the `ready` of one of its apps:

    define(
        "customer.tier",
        label="tier",
        kind="text",
        cases=[("gold", rule(happened("Order Completed", times=10)))],
        otherwise="none",
    )

The value is that of the first case whose rule holds. It needs no worker to follow the clock:
wherever it is looked at, it is as of that instant.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from personalization.exceptions import FeatureRejected, InvalidRule
from personalization.profiles.features import definitions
from personalization.rules.catalogue import Catalogue, Field
from personalization.rules.compare import Comparison, type_of
from personalization.rules.derived import Case, DerivedFeature, derived_features
from personalization.rules.leaves.fields import FeatureLeaf
from personalization.rules.nodes import Rule
from personalization.rules.parse import check, parse
from personalization.rules.reading import can_be_named
from personalization.rules.sql import JsonType
from personalization.rules.state import Facts
from personalization.types import Json, JsonObject, Microseconds

Value = str | float
#: Changes by time alone that are looked at for the next other value.
_MOST_CHANGES = 1000


def define(
    name: str,
    *,
    label: str,
    kind: JsonType,
    cases: Sequence[tuple[Value, JsonObject]],
    otherwise: Value | None = None,
    unit: str = "",
    description: str = "",
) -> DerivedFeature:
    """Add the feature `name`: the value of the first of `cases` whose rule holds.

    Rules may speak of features that were defined before, and of no segments. Where none
    holds, the value is `otherwise`; None: it is not known.

    :raises FeatureRejected: if the name is taken or cannot be used, or a value has another type.
    :raises InvalidRule: if a rule cannot be used.
    """
    if name in fields():
        raise FeatureRejected(f"There is a feature “{name}” already.")
    feature = made(
        name,
        label=label,
        kind=kind,
        cases=cases,
        otherwise=otherwise,
        unit=unit,
        description=description,
    )
    return derived_features.register(name)(feature)


def made(
    name: str,
    *,
    label: str,
    kind: JsonType,
    cases: Sequence[tuple[Value, JsonObject]],
    otherwise: Value | None = None,
    unit: str = "",
    description: str = "",
) -> DerivedFeature:
    """Return the feature without adding it; it raises what `define` raises."""
    if not all(map(can_be_named, name.split("."))):
        raise FeatureRejected(f"No rule can name a feature “{name}”.")
    for value in [value for value, _ in cases] + ([] if otherwise is None else [otherwise]):
        if type_of(value) != kind:
            raise FeatureRejected(f"{name} is a {kind}; {value!r} is none.")
    rules = [(value, _usable(stored)) for value, stored in cases]
    return DerivedFeature(
        label=label,
        type=kind,
        cases=tuple(Case(value, rule.root) for value, rule in rules),
        otherwise=otherwise,
        unit=unit,
        description=description,
        meaning=_meaning(rules, otherwise),
    )


def _usable(stored: JsonObject) -> Rule:
    """Return the rule, which speaks of known features and of no segments."""
    rule = parse(stored)
    if problems := check(rule, Catalogue(features=fields())):
        raise InvalidRule(problems)
    return rule


def _meaning(rules: Sequence[tuple[Value, Rule]], otherwise: Value | None) -> str:
    """Return a digest of the cases with those of the features that they look at."""
    parts: list[Json] = [otherwise]
    for value, rule in rules:
        named = sorted(
            leaf.derived.meaning
            for leaf in rule.leaves()
            if isinstance(leaf, FeatureLeaf) and leaf.derived is not None
        )
        parts.append([value, rule.source, named])
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:20]


def fields() -> dict[str, Field]:
    """Return every feature that rules may speak of: those that are counted, then the derived."""
    counted = {
        name: Field(name, definition.label, "number", definition.unit)
        for name, definition in definitions.items()
    }
    decided = {
        name: Field(name, feature.label, feature.type, feature.unit, feature.values())
        for name, feature in derived_features.items()
    }
    return counted | decided


@dataclass(frozen=True, kw_only=True)
class Derivation:
    """What a derived feature says of one profile.

    `rule` is that of the case that decided it; None: none holds. `until` is when time alone
    makes it another value; None: it does not.
    """

    name: str
    feature: DerivedFeature
    value: Value | None
    rule: Rule | None
    until: Microseconds | None


def derivations(facts: Facts, *, now: Microseconds) -> Iterator[Derivation]:
    """Yield what every derived feature says, in the order they were defined."""
    for name, feature in derived_features.items():
        case = feature.case(facts, now=now)
        yield Derivation(
            name=name,
            feature=feature,
            value=feature.otherwise if case is None else case.value,
            rule=None if case is None else Rule(case.group),
            until=_until(feature, facts, now=now),
        )


def _until(feature: DerivedFeature, facts: Facts, *, now: Microseconds) -> Microseconds | None:
    """Return when time alone first makes the value another one."""
    value = feature.value(facts, now=now)
    same = Comparison("is not set") if value is None else Comparison("=", (value,))
    at = now
    for _ in range(_MOST_CHANGES):
        answer = feature.answer(same, facts, now=at)
        if not answer.holds:
            return at
        if answer.changes is None:
            return None
        at = answer.changes
    return None
