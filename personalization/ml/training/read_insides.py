"""What a version chose, read from its artefact: its facts and weights, and no engine."""

from __future__ import annotations

from typing import Any

import numpy as np

from personalization.ml.arrays import Floats
from personalization.ml.artefact import CorruptArtefact, told_of
from personalization.ml.models import ModelArtefact, ModelVersion
from personalization.ml.recommenders.blend import LENGTHS
from personalization.ml.recommenders.stack_config import POPULARITY
from personalization.ml.training.insides import (
    STACK,
    BestInsides,
    Engine,
    NoInsides,
    StackInsides,
    Tried,
)

_TOGETHER, _QUESTIONS, _WEIGHTS = "stack", "questions", "weights"


def read(version: ModelVersion) -> StackInsides | BestInsides:
    """Return what a version of a stack or of “best” chose.

    :raises NoInsides: if the artefact is gone or damaged.
    """
    content = ModelArtefact.objects.filter(version=version).values_list("content", flat=True)
    stored = content.first()
    if stored is None:
        raise NoInsides(f"The artefact of {version} is not kept any more.")
    arrays = (_WEIGHTS,) if version.algorithm == STACK else ()
    try:
        facts, found = told_of(bytes(stored), sha256=version.checksum, arrays=arrays)
    except CorruptArtefact as error:
        raise NoInsides(str(error)) from error
    return _stack(facts, found[_WEIGHTS]) if arrays else _best(facts)


def _stack(facts: Any, weights: Floats) -> StackInsides:
    used, judged = sorted(facts["engines"]), facts["validation"]
    shares = dict(zip(used, _shares(weights).T.tolist(), strict=True))
    names = [*used, *(name for name in judged if name not in (*used, _TOGETHER, _QUESTIONS))]
    engines = [
        Engine(
            name=name,
            shares=tuple(shares.get(name, ())),
            ndcg=judged.get(name),
            config=facts["engines"][name]["config"] if name in shares else {},
        )
        for name in names
    ]
    return StackInsides(
        lengths=LENGTHS,
        engines=sorted(engines, key=lambda each: (-(each.ndcg or 0.0), each.name)),
        together=judged.get(_TOGETHER),
        popularity=judged.get(POPULARITY),
        questions=int(judged.get(_QUESTIONS, 0)),
    )


def _shares(weights: Floats) -> Floats:
    """Return weights (lengths × engines) as parts of 1 of each length."""
    sums = weights.sum(axis=1, keepdims=True)
    shares: Floats = np.divide(weights, sums, out=np.zeros_like(weights), where=sums > 0)
    return shares


def _best(facts: Any) -> BestInsides:
    return BestInsides(
        algorithm=facts["algorithm"],
        config=facts["config"],
        calibration=facts["calibration"],
        tried=[Tried(**each) for each in facts["trials"]],
    )
