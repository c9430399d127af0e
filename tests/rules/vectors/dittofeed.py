"""Dittofeed: segments that are computed again and again while events arrive and time passes.

Every assertion is a question about what has arrived by then, asked at that instant of the
definition of that time.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from personalization.clock import microseconds
from personalization.rules.interval import Interval
from personalization.types import Json, Microseconds
from tests.rules.building import Stored, both, either, happened, prop, rule, segment, trait
from tests.rules.vectors.suite import LISTS, Case, Question, Suite, Untranslatable, load, named
from tests.rules.world import Happening, History

START: Microseconds = 1_700_000_000_000_000
_OPERATORS = {
    "Equals": "=", "NotEquals": "!=", "Exists": "is set", "NotExists": "is not set",
    "LessThan": "<", "GreaterThanOrEqual": ">=",
}  # fmt: skip
_TIMES = {"GreaterThanOrEqual": ">=", "LessThan": "<", "Equals": "="}
_MISSING = {
    "LastPerformed": "No condition is about the properties of the newest event alone.",
    "Includes": LISTS,
    "RandomBucket": "A random share of visitors is a matter of experiments.",
    "Within": "A trait is compared with values, not with the present.",
    "HasBeen": "A trait does not say since when it has its value.",
}


def _instant(text: str) -> int:
    """Return a date as a number: JSON has no dates."""
    return microseconds(datetime.fromisoformat(text)) // 1000


def _test(kind: str, stored: Mapping[str, Any]) -> Stored:
    operator = stored["operator"]
    if operator["type"] in _MISSING:
        raise Untranslatable(_MISSING[operator["type"]])
    if operator["type"] == "AbsoluteTimestamp":
        sign = {"After": ">", "Before": "<"}[operator["direction"]]
        return trait(stored["path"], sign, _instant(operator["absoluteTimestamp"]))
    path = stored["path"].removeprefix('$["').removesuffix('"]')
    make = trait if kind == "trait" else prop
    return make(path, _OPERATORS[operator["type"]], operator.get("value"))


def _performed(node: Mapping[str, Any]) -> Stored:
    if node["event"].endswith("*"):
        raise Untranslatable("An event is named in full, not by how its name starts.")
    more: dict[str, Any] = {}
    if "withinSeconds" in node:
        more["last"] = f"PT{node['withinSeconds']}S"
    if node.get("properties"):
        more["where"] = both(*(_test("prop", each) for each in node["properties"]))
    operator = _TIMES[node.get("timesOperator", "GreaterThanOrEqual")]
    return happened(node["event"], operator, node.get("times", 1), **more)


def _node(node: Mapping[str, Any], nodes: Mapping[str, Any], name: str) -> Stored:
    if node["type"] in ("And", "Or"):
        make = both if node["type"] == "And" else either
        return make(*(_node(nodes[child], nodes, name) for child in node["children"]))
    if node["type"] == "Trait":
        return _test("trait", node)
    if node["type"] == "Performed":
        return _performed(node)
    if node["type"] == "Email":
        where = prop("templateId", "=", node["templateId"])
        return happened(node["event"], ">=", node["times"], where=where)
    if node["type"] == "Manual":
        return segment(name)
    raise Untranslatable(_MISSING[node["type"]])


def _nodes(stored: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [stored["definition"]["entryNode"], *stored["definition"]["nodes"]]


def _definition(stored: Mapping[str, Any]) -> Json:
    nodes = {node["id"]: node for node in _nodes(stored)}
    return rule(_node(stored["definition"]["entryNode"], nodes, stored["name"]))


@dataclass
class _Run:
    """What a case has come to: the clock, what has arrived of whom, and the definitions."""

    now: Microseconds = START
    events: dict[str, list[Happening]] = field(default_factory=lambda: defaultdict(list))
    stated: dict[str, list[tuple[Microseconds, Any]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    definitions: dict[str, Any] = field(default_factory=dict)

    def submit(self, event: Mapping[str, Any]) -> None:
        at, user = self.now + event.get("offsetMs", 0) * 1000, event["userId"]
        if event["type"] == "Identify":
            self.stated[user].append((at, event.get("traits", {})))
        else:
            self.events[user].append(Happening(event["event"], at, event.get("properties", {})))

    def question(self, user: str, name: str, expected: Any) -> Question:
        traits: dict[str, Json] = {}
        for _, some in sorted(self.stated[user], key=lambda stated: stated[0]):
            traits |= some
        for node in _nodes(self.definitions[name]):
            if node.get("operator", {}).get("type") == "AbsoluteTimestamp" and traits:
                traits[node["path"]] = _instant(str(traits[node["path"]]))
        history = History(
            events=tuple(self.events[user]), traits=traits, memberships=self._by_hand(user, name)
        )
        translated = _definition(self.definitions[name])
        return Question(translated, history, expected is True, self.now, {name: None})

    def _by_hand(self, user: str, name: str) -> dict[str, Interval]:
        """Return the membership that the newest list of a segment kept by hand gives."""
        version = self.definitions[name]["definition"]["entryNode"].get("version")
        since = [
            event.at
            for event in self.events[user]
            if event.name == "ManualSegmentUpdate"
            and (event.properties["segmentId"], event.properties["version"]) == (name, version)
            and event.properties["inSegment"] == 1
        ]
        return {name: Interval(since[-1])} if since else {}


def _assertions(case: Mapping[str, Any]) -> list[tuple[str, Case]]:
    """Return each assertion of a peer's case as one of ours."""
    run = _Run(definitions={each["name"]: each for each in case["segments"]})
    found: list[tuple[str, Case]] = []
    steps = 0
    for step in case["steps"]:
        if step["type"] == "Sleep":
            run.now += step["timeMs"] * 1000
        elif step["type"] == "UpdateComputedProperty":
            run.definitions |= {each["name"]: each for each in step.get("segments", [])}
        elif step["type"] == "SubmitEvents":
            for event in step["events"]:
                run.submit(event)
        elif step["type"] == "Assert":
            steps += 1
            now = deepcopy(run)
            found += [
                (
                    f"{case['description']} | {steps} {user['id']} {name}",
                    partial(_questions, now, user["id"], name, expected),
                )
                for user in step.get("users", [])
                for name, expected in user["segments"].items()
            ]
    return found


def _questions(run: _Run, user: str, name: str, expected: Any) -> list[Question]:
    return [run.question(user, name, expected)]


def _read(file: Path) -> dict[str, Case]:
    return named([each for case in load(file)["cases"] for each in _assertions(case)])


DITTOFEED = Suite(
    "dittofeed",
    "dittofeed/segments_incremental.json",
    _read,
    frozenset(
        {
            "when the performed segment property condition has a syntax error, "
            "it ignores that property | 1 user-1 withMalformed"
        }
    ),
)
