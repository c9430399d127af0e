"""Unleash client specification: the constraints of strategies over a context.

The files about roll-outs, variants, stickiness and parent flags are not read: those are
matters of experiments here, not of rules.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from personalization.clock import microseconds
from tests.rules.building import Stored, both, either, rule, segment, trait
from tests.rules.vectors.suite import (
    VERSIONS,
    Case,
    Question,
    Suite,
    Untranslatable,
    any_case,
    literal,
    load,
    named,
)
from tests.rules.world import History

FILES = ("02", "07", "09", "11", "13", "14", "15", "21", "22")
_NUMBERS = {"NUM_EQ": "=", "NUM_GT": ">", "NUM_GTE": ">=", "NUM_LT": "<", "NUM_LTE": "<="}
_DATES = {"DATE_AFTER": ">", "DATE_BEFORE": "<"}
_TEXTS = {
    "STR_STARTS_WITH": ("starts with", "^{}"),
    "STR_ENDS_WITH": ("ends with", "{}$"),
    "STR_CONTAINS": ("contains", "{}"),
}


def _number(text: str) -> float:
    return float(text)


def _instant(text: str) -> int:
    """Return a date as a number: JSON has no dates."""
    return microseconds(datetime.fromisoformat(text)) // 1000


def _constraint(stored: Mapping[str, Any]) -> Stored:
    translated = _test(stored)
    return both(translated, negated=True) if stored.get("inverted") else translated


def _test(stored: Mapping[str, Any]) -> Stored:
    field, operator = stored["contextName"], stored["operator"]
    if operator in ("IN", "NOT_IN"):
        return trait(field, operator.lower().replace("_", " "), stored["values"])
    if operator in _NUMBERS:
        return trait(field, _NUMBERS[operator], _number(stored["value"]))
    if operator in _DATES:
        return trait(field, _DATES[operator], _instant(stored["value"]))
    if operator in _TEXTS:
        name, form = _TEXTS[operator]
        if stored.get("caseInsensitive"):
            patterns = (form.format(any_case(literal(text))) for text in stored["values"])
            return either(*(trait(field, "matches", pattern) for pattern in patterns))
        return either(*(trait(field, name, text) for text in stored["values"]))
    if operator == "REGEX":
        return trait(field, "matches", _pattern(stored))
    if operator.startswith("SEMVER"):
        raise Untranslatable(VERSIONS)
    if operator == "IN_CIDR":
        raise Untranslatable("There is no comparison of network addresses.")
    return trait(field, operator, stored.get("value"))


def _pattern(stored: Mapping[str, Any]) -> str:
    """Return the pattern in our notation, without what changes nothing or can be spelt out."""
    pattern = str(stored["value"]).replace("*?", "*").replace("[[:alpha:]]", "[A-Za-z]")
    if "(?m)" in pattern or "\\b" in pattern:
        raise Untranslatable("Patterns know the ends of a text, not those of lines or words.")
    if "(?s)" in pattern:
        pattern = pattern.replace("(?s)", "").replace(".", "[\\s\\S]")
    if "(?i)" in pattern or stored.get("caseInsensitive"):
        pattern = any_case(pattern.replace("(?i)", ""))
    return pattern


def _strategy(stored: Mapping[str, Any]) -> Stored:
    parts = [_constraint(each) for each in stored.get("constraints", [])]
    parts += [segment(str(number)) for number in stored.get("segments", [])]
    if stored["name"] == "userWithId":
        ids = [each.strip() for each in stored["parameters"]["userIds"].split(",")]
        parts.append(trait("userId", "in", ids))
    elif stored["name"] != "default":
        raise Untranslatable("How a roll-out picks visitors is a matter of experiments.")
    return both(*parts)


def _typed(context: Mapping[str, Any], strategies: list[Any]) -> dict[str, Any]:
    """Return the context as traits of the types that the constraints compare."""
    traits = {key: value for key, value in context.items() if key != "properties"}
    traits |= context.get("properties", {})
    for strategy in strategies:
        for constraint in strategy.get("constraints", []):
            name = constraint["contextName"]
            convert = {"NUM": _number, "DATE": _instant}.get(constraint["operator"].split("_")[0])
            if convert is not None and isinstance(traits.get(name), str):
                traits[name] = convert(traits[name])
    return traits


def _questions(state: Mapping[str, Any], test: Mapping[str, Any]) -> list[Question]:
    known = {each["name"]: each for each in state["features"]}
    feature = known.get(test["toggleName"], {"enabled": False})
    if not feature["enabled"] or not feature["strategies"]:
        raise Untranslatable(
            "A flag that is unknown, switched off or without a strategy is no rule."
        )
    stored = {str(each["id"]): each["constraints"] for each in state.get("segments", [])}
    wanted = {str(n) for each in feature["strategies"] for n in each.get("segments", [])}
    strategies = [_strategy(each) for each in feature["strategies"]]
    segments = {n: rule(*map(_constraint, stored[n])) for n in wanted & stored.keys()}
    history = History(traits=_typed(test["context"], feature["strategies"]))
    return [Question(rule(either(*strategies)), history, test["expectedResult"], segments=segments)]


def _read(folder: Path) -> dict[str, Case]:
    cases: list[tuple[str, Case]] = []
    for file in sorted(folder.glob("[0-9]*.json")):
        if file.name[:2] in FILES:
            known = load(file)
            cases += [
                (
                    f"{file.name[:2]} {test['description']}",
                    partial(_questions, known["state"], test),
                )
                for test in known["tests"]
            ]
    return named(cases)


UNLEASH = Suite(
    "unleash",
    "unleash/specifications",
    _read,
    frozenset(
        {
            "09 Feature.constraints.empty should always be disabled",
            "11 Feature.constraints.no_value should not be enabled in default environment",
            "11 Feature.constraints.no_value should not be enabled in empty environment",
            "13 F7.invalid-operator should always return false",
            "21 Invalid regex should result in toggle being disabled",
            "21 R90 lookahead should be rejected upstream; if it leaks through, it must not enable",
            "21 R91 backreference should be rejected upstream; if it leaks through, it must not enable",
        }
    ),
)
