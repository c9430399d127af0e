"""One form for all ways to write down the same rule, and its hash.

Children are sorted and stand there once, groups within groups of their kind are dissolved, and
`not` is moved down to the conditions. What editors add, such as ids, leaves no trace. Equal
forms mean the same; unequal ones may still mean the same by what their conditions say.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import TypeVar

from personalization.rules.compare import Comparison
from personalization.rules.groups import Group
from personalization.rules.matcher import Matcher
from personalization.rules.sequence import Sequence
from personalization.rules.threshold import Threshold
from personalization.rules.where import FieldTest, Prop
from personalization.types import Json

N = TypeVar("N")


@dataclass(frozen=True)
class Canonical:
    """A condition in its positive form, and whether its opposite is meant."""

    form: Json
    negated: bool = False

    def turned(self, turn: bool) -> Canonical:
        return replace(self, negated=self.negated is not turn)

    def json(self) -> Json:
        return ["not", self.form] if self.negated else self.form


def group_form(
    group: Group[N], leaf_form: Callable[[N], Canonical], *, turned: bool = False
) -> list[Json]:
    """Return the combinator with the forms of the children, as a list; `turned` means not."""
    turned = turned is not group.negated
    other = {"and": "or", "or": "and"}
    combinator = other[group.combinator] if turned else group.combinator
    parts: list[Json] = []
    for child in group.children:
        if not isinstance(child, Group):
            parts.append(leaf_form(child).turned(turned).json())
            continue
        inner = group_form(child, leaf_form, turned=turned)
        parts += inner[1:] if inner[0] in (combinator, "one") else [inner]
    by_text = {_text(part): part for part in parts}
    found = [by_text[key] for key in sorted(by_text)]
    if len(found) > 1:
        return [combinator, *found]
    only = found[0]
    # A group around nothing but a group is that group.
    return [*only] if isinstance(only, list) and only[0] in ("and", "or") else ["one", only]


def hash_of(form: Json) -> str:
    """Return the SHA-256 of a form as hexadecimal digits."""
    return hashlib.sha256(_text(form).encode()).hexdigest()


def comparison_form(comparison: Comparison) -> Canonical:
    positive = comparison.positive
    if positive is not None:
        return comparison_form(positive).turned(True)
    values = {_text(value): value for value in map(_plain, comparison.values)}
    operator = "=" if comparison.operator == "in" and len(values) == 1 else comparison.operator
    return Canonical([operator, *(values[key] for key in sorted(values))])


def field_form(kind: str, test: FieldTest) -> Canonical:
    compared = comparison_form(test.comparison)
    return Canonical([kind, test.name, compared.form], compared.negated)


def matcher_form(matcher: Matcher) -> Json:
    between = matcher.between
    return [
        matcher.event,
        group_form(matcher.where, _prop_form) if matcher.where is not None else None,
        [between.start, between.end] if between is not None else None,
    ]


def _prop_form(prop: Prop) -> Canonical:
    return field_form("prop", prop)


def sequence_form(sequence: Sequence) -> Json:
    """Return the steps with what does not happen before each, as sets; then what is bounded."""

    def unordered(forms: Iterable[Json]) -> list[Json]:
        by_text = {_text(form): form for form in forms}
        return [by_text[key] for key in sorted(by_text)]

    steps: list[Json] = [
        [matcher_form(step.matcher), step.within, unordered(map(matcher_form, step.without))]
        for step in sequence.steps
    ]
    absences = unordered([matcher_form(each.matcher), each.duration] for each in sequence.absences)
    return [steps, absences, sequence.window, sequence.last, sequence.strict]


def count_form(threshold: Threshold) -> Canonical:
    """Return a test of a whole number as “at least” or “exactly”, or the opposite of one."""
    operator, n = threshold.operator, int(threshold.value)
    if operator in ("<", "<=", "!="):
        return count_form(threshold.complement).turned(True)
    if operator == "=" and n == 0:
        return Canonical([">=", 1], negated=True)
    return Canonical(["=", n] if operator == "=" else [">=", n + (operator == ">")])


def number_form(threshold: Threshold) -> Canonical:
    """Return a test of a number that may be missing: only “!=” holds where it is."""
    if threshold.operator == "!=":
        return number_form(threshold.complement).turned(True)
    return Canonical([threshold.operator, _plain(threshold.value)])


def _plain(value: Json) -> Json:
    """Return 1.0 as 1: they are one number."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _text(form: Json) -> str:
    return json.dumps(form, sort_keys=True, ensure_ascii=False)
