"""The same questions to Python and to the shipped JavaScript, as JSON that both understand."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from personalization.experiments import bucketing, sticky, trial
from personalization.experiments.bucketing import Range
from personalization.experiments.sticky import Sticky
from personalization.experiments.trial import Choice, Entrant, Namespace, Trial
from tests.rules.javascript import run

PROGRAM = Path(__file__).parent / "twins.mjs"

#: The name of a function of `buckets.js`, and what it is given.
Question: TypeAlias = Sequence[Any]
Ask: TypeAlias = Callable[[Sequence[Question]], list[Any]]


def in_browser(questions: Sequence[Question]) -> list[Any]:
    """Return the answers of JavaScript, all from one process of Node."""
    done = run(PROGRAM, json.dumps(questions))
    assert done.returncode == 0, done.stderr
    answers: list[Any] = json.loads(done.stdout)
    return answers


def in_python(questions: Sequence[Question]) -> list[Any]:
    return [_answer(name, given) for name, *given in questions]


def _answer(name: str, given: Sequence[Any]) -> Any:
    try:
        return FUNCTIONS[name](*given)
    except ValueError as error:
        return {"error": str(error)}


@dataclass(frozen=True)
class Learned:
    """A bandit that has learned which weights go with a number in the context."""

    learned: Sequence[Sequence[float]]
    names: tuple[str, ...] = ("warmth",)

    def weights(self, context: Mapping[str, float]) -> tuple[float, ...]:
        return tuple(self.learned[int(context.get("warmth", 0))])


def read_trial(value: Mapping[str, Any]) -> Trial:
    space, learned = value.get("namespace"), value.get("learned")
    return Trial(
        key=value["key"],
        kind="variations",
        arms=tuple(Choice(arm["key"]) for arm in value["arms"]),
        weights=tuple(value["weights"]),
        seed=value.get("seed", ""),
        hash_version=value.get("hashVersion", 2),
        coverage=value.get("coverage", 1.0),
        ramp=tuple((since, share) for since, share in value.get("ramp", ())),
        namespace=Namespace(space["name"], Range(*space["held"])) if space else None,
        audience=value.get("audience", ""),
        starts=value.get("starts"),
        ends=value.get("ends"),
        policy=Learned(learned) if learned else None,
    )


def read_entrant(value: Mapping[str, Any]) -> Entrant:
    return Entrant(
        unit=value.get("unit", ""),
        segments=frozenset(value.get("segments", ())),
        now=value.get("now", 0),
        context=value.get("context", {}),
        forced=value.get("forced", {}),
    )


def _assign(of: Mapping[str, Any], entrant: Mapping[str, Any]) -> Any:
    return _found(trial.assign(read_trial(of), read_entrant(entrant)))


def _found(found: tuple[Choice, trial.Assigned] | None) -> Any:
    if found is None:
        return None
    arm, assigned = found
    assert arm.key == assigned.arm
    return _told(assigned)


def _told(assigned: trial.Assigned) -> Any:
    return {
        "experiment": assigned.experiment,
        "arm": assigned.arm,
        "probability": assigned.probability,
    }


def _assign_sticky(
    of: Mapping[str, Any], entrant: Mapping[str, Any], known: Mapping[str, Any]
) -> Any:
    kept = sticky.assign_sticky(
        read_trial(of),
        read_entrant(entrant),
        by=Sticky(**known["by"]),
        attributes=known["attributes"],
        documents=known["documents"],
    )
    return {
        "found": _found(kept.found),
        "documents": kept.documents,
        "remembered": kept.remembered,
    }


def _ranges(n: int, how: Mapping[str, Any]) -> list[list[float]]:
    return [list(each) for each in bucketing.ranges_of(n, **how)]


def _arm_at(number: float, ranges: Sequence[Sequence[float]]) -> int | None:
    return bucketing.arm_at(number, [Range(*each) for each in ranges])


def _lies(unit: str, seed: str, version: int, ranges: Sequence[Sequence[float]]) -> int | None:
    return _arm_at(bucketing.bucket(unit, seed=seed, version=version), ranges)


def _holdout(name: str, who: Mapping[str, Any]) -> Any:
    found = trial.holdout(name, **who)
    return None if found is None else _told(found)


FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "fnv1a32": bucketing.fnv1a32,
    "bucket": lambda unit, by: bucketing.bucket(unit, **by),
    "inNamespace": lambda unit, name, held: bucketing.in_namespace(unit, name, Range(*held)),
    "equalWeights": lambda n: list(bucketing.equal_weights(n)),
    "rangesOf": _ranges,
    "armAt": _arm_at,
    "lies": _lies,
    "assign": _assign,
    "assignSticky": _assign_sticky,
    "holdout": _holdout,
}
