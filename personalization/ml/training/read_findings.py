"""The sequences of a version, read from its artefact."""

from __future__ import annotations

from personalization.ml.artefact import CorruptArtefact
from personalization.ml.models import ModelVersion
from personalization.ml.sequences.next_step import END, NextStep
from personalization.ml.training.findings import Finding, Findings, NoFindings, Onward
from personalization.ml.training.sequencing import stored

#: Steps that are told what comes after them, and next steps of each; fewer than that share of
#: people taking one may as well be nobody.
_STEPS, _WAYS, _SHARE = 15, 3, 0.02


def read(version: ModelVersion) -> Findings:
    """Return what a page tells of the sequences of a version.

    :raises NoFindings: if the artefact is gone or damaged.
    """
    try:
        model = stored(version)
    except CorruptArtefact as error:
        raise NoFindings(str(error)) from error
    return Findings(
        goal=model.goal,
        found=[
            Finding(
                steps=each.steps,
                stop=each.kind == "drop-out",
                rule=each.rule,
                n=each.people,
                reached=each.reached,
                lift=each.lift,
                chance=each.chance,
                members=each.members,
                ended=each.ended,
                usual=each.usual,
                ways=each.ways,
            )
            for each in model.found
        ],
        onward=[] if model.onward is None else _onward(model.onward, goal=model.goal),
    )


def _onward(model: NextStep, *, goal: str) -> list[Onward]:
    reaching = model.reaching(goal)
    taken = {step: model.times([step]) for step in model.steps[:-1] if step != goal}
    most = sorted(taken, key=lambda step: (-taken[step], step))[:_STEPS]
    return [_after(model, step, taken[step], reaching.get(step)) for step in most]


def _after(model: NextStep, step: str, times: int, reaches: float | None) -> Onward:
    likely = dict(model.likeliest([step], n=len(model.steps)))
    ends = likely.pop(END)
    ways = [(other, share) for other, share in likely.items() if share >= _SHARE][:_WAYS]
    return Onward(step=step, times=times, next=ways, ends=ends, reaches=reaches)
