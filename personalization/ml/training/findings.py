"""What a page tells of the sequences of a version, as plain values: nothing that learns comes along."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.module_loading import import_string

from personalization.exceptions import PersonalizationError
from personalization.ml.models import ModelVersion
from personalization.ml.training.sequence_plan import ALGORITHM
from personalization.types import JsonObject

_READER = "personalization.ml.training.read_findings.read"


class NoFindings(PersonalizationError):
    """This version has no sequences to show."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A sequence rule: `n` did it (people, or visits if they `stop` there), the goal came later
    for `reached` of them, and is `lift` times as likely as for all. So much is by `chance` with
    this probability, and the rule holds for `members` people."""

    steps: Sequence[str]
    stop: bool
    rule: JsonObject
    n: int
    reached: int
    lift: float
    chance: float
    members: int
    #: Where they stop: visits that ended there, the share that ends at a step elsewhere, and
    #: where those went next who reached the goal, with their shares.
    ended: int
    usual: float
    ways: Sequence[tuple[str, float]]

    @property
    def name(self) -> str:
        return " → ".join(self.steps)


@dataclass(frozen=True, kw_only=True)
class Onward:
    """What comes after a step that was taken so many times: the likeliest steps with their
    probabilities, and how likely the visit ends there, or comes to the goal (None: not known)."""

    step: str
    times: int
    next: Sequence[tuple[str, float]]
    ends: float
    reaches: float | None


@dataclass(frozen=True, kw_only=True)
class Findings:
    #: Name of the event that is the goal.
    goal: str
    found: Sequence[Finding]
    #: The steps that were taken most often, the goal aside.
    onward: Sequence[Onward]


def has_findings(version: ModelVersion) -> bool:
    return version.algorithm == ALGORITHM and bool(version.checksum)


def findings_of(version: ModelVersion) -> Findings:
    """Return the sequences of a version.

    :raises NoFindings: if it has none, or they cannot be read here.
    """
    if not has_findings(version):
        raise NoFindings
    try:
        read = import_string(_READER)
    except ImportError as error:
        raise NoFindings(
            "The extra “ml” is not installed: pip install personalization[ml]."
        ) from error
    shown: Findings = read(version)
    return shown
