"""The cases of GrowthBook's SDKs, as questions to ours.

What their experiments say in other words than ours is translated: a condition becomes the
audience, with the visitor in it or not; a variation that a query or the context forces becomes
a forced arm; an experiment that is off is one that is not published, so that nothing is asked.
Each case is a dialogue (`Dialogue`): it yields questions and is sent the answers, so that many
of them can be asked at once.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeAlias
from urllib.parse import parse_qs, urlsplit

from tests.experiments.twins import Ask, Question
from tests.rules.vectors.suite import VECTORS

FILE = VECTORS / "growthbook-sdk" / "cases-0.8.0.json"
ANCHORS = VECTORS / "hashing" / "anchors.json"
#: The segment of those for whom the conditions of an experiment hold.
MATCHING = "matching"

Case: TypeAlias = list[Any]


@dataclass(frozen=True)
class Outcome:
    """What became of a visitor: the place of the variation, and by which chance."""

    place: int
    hashed: bool
    probability: float = 1.0


Dialogue: TypeAlias = Generator[Question, Any, Any]


@cache
def cases(group: str) -> list[Case]:
    found: list[Case] = json.loads(FILE.read_text())[group]
    return found


def outcomes(dialogues: Sequence[Dialogue], ask: Ask) -> list[Any]:
    """Lead all dialogues at once, and return what each of them returns."""
    ends: list[Any] = [None] * len(dialogues)
    answers: dict[int, Any] = dict.fromkeys(range(len(dialogues)))
    while answers:
        questions: dict[int, Question] = {}
        for place, answer in answers.items():
            try:
                questions[place] = dialogues[place].send(answer)
            except StopIteration as end:
                ends[place] = end.value
        answers = dict(zip(questions, ask([*questions.values()]), strict=True))
    return ends


def run(context: Mapping[str, Any], experiment: Mapping[str, Any]) -> Dialogue:
    """Return the `Outcome` of an experiment; None for who does not take part."""
    if context.get("enabled") is False:
        return None
    trial, entrant = trial_of(experiment), entrant_of(context, experiment)
    forced = _forced(context, experiment["key"])
    if forced is not None:
        return (yield from _in_arm(trial, entrant, forced))
    if experiment.get("active") is False:
        return None
    drawn = yield from _drawn(trial, entrant, context, experiment)
    if drawn is None:
        return None
    if "force" in experiment:
        return (yield from _in_arm(trial, entrant, experiment["force"]))
    return None if context.get("qaMode") else drawn


def _in_arm(trial: Mapping[str, Any], entrant: Mapping[str, Any], place: int) -> Dialogue:
    arms = [arm["key"] for arm in trial["arms"]]
    key = arms[place] if 0 <= place < len(arms) else "no such arm"
    found = yield ("assign", trial, {**entrant, "forced": {trial["key"]: key}})
    return None if found is None else Outcome(arms.index(found["arm"]), hashed=False)


def _drawn(
    trial: Mapping[str, Any],
    entrant: Mapping[str, Any],
    context: Mapping[str, Any],
    experiment: Mapping[str, Any],
) -> Dialogue:
    """Return what chance says. Filters are namespaces of version 2 in several parts, and stated
    ranges are what we work out of weights: of both, the pure functions are asked."""
    for each in experiment.get("filters", ()):
        unit = _text(context.get("attributes", {}).get(each.get("attribute", "id")))
        version = each.get("hashVersion", 2)
        if (yield ("lies", unit, each["seed"], version, each["ranges"])) is None:
            return None
    if "ranges" in experiment:
        lies = ("lies", entrant["unit"], trial["seed"], trial["hashVersion"])
        place = yield (*lies, experiment["ranges"])
        return None if place is None else Outcome(place, hashed=True)
    found = yield ("assign", trial, entrant)
    if found is None:
        return None
    keys = [arm["key"] for arm in trial["arms"]]
    return Outcome(keys.index(found["arm"]), hashed=True, probability=found["probability"])


def trial_of(experiment: Mapping[str, Any]) -> dict[str, Any]:
    n = len(experiment["variations"])
    space = experiment.get("namespace")
    asks = any(experiment.get(name) for name in ("condition", "parentConditions"))
    meta = experiment.get("meta") or [{"key": str(number)} for number in range(n)]
    return {
        "key": experiment["key"],
        "seed": experiment.get("seed", experiment["key"]),
        "hashVersion": experiment.get("hashVersion", 1),
        "arms": [{"key": each["key"]} for each in meta],
        "weights": experiment.get("weights", ()),
        "coverage": experiment.get("coverage", 1.0),
        "audience": MATCHING if asks else "",
        **({"learned": [experiment["learned"]]} if "learned" in experiment else {}),
        # What filters say outweighs it.
        **(
            {"namespace": {"name": space[0], "held": space[1:]}}
            if space and "filters" not in experiment
            else {}
        ),
    }


def entrant_of(context: Mapping[str, Any], experiment: Mapping[str, Any]) -> dict[str, Any]:
    attributes = context.get("attributes", {})
    matches = holds(experiment.get("condition", {}), attributes, context) and all(
        holds(each["condition"], {"value": context["features"][each["id"]]["defaultValue"]})
        for each in experiment.get("parentConditions", ())
    )
    return {
        "unit": _text(attributes.get(experiment.get("hashAttribute", "id"))),
        "segments": [MATCHING] if matches else [],
    }


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _forced(context: Mapping[str, Any], key: str) -> int | None:
    query = parse_qs(urlsplit(context.get("url", "")).query)
    if key in query:
        return int(query[key][0])
    place: int | None = context.get("forcedVariations", {}).get(key)
    return place


_TESTS: Mapping[str, Callable[[Any, Any, Mapping[str, Any]], bool]] = {
    "$in": lambda value, wanted, _: value in wanted,
    "$gte": lambda value, wanted, _: value is not None and value >= wanted,
    "$inGroup": lambda value, wanted, context: value in context["savedGroups"][wanted],
}


def holds(
    condition: Mapping[str, Any],
    attributes: Mapping[str, Any],
    context: Mapping[str, Any] | None = None,
) -> bool:
    """Return whether a condition of these cases holds; there are few kinds in them."""
    for name, wanted in condition.items():
        value = attributes.get(name)
        if not isinstance(wanted, Mapping):
            if value != wanted:
                return False
        elif not all(_TESTS[test](value, each, context or {}) for test, each in wanted.items()):
            return False
    return True
