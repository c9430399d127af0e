"""The sequences of a version, read from its artefact."""

from __future__ import annotations

from personalization.ml.artefact import CorruptArtefact
from personalization.ml.models import ModelVersion
from personalization.ml.training.findings import Finding, Findings, NoFindings
from personalization.ml.training.sequencing import stored


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
            )
            for each in model.found
        ],
    )
