"""Where experiments and holdouts have their say: after consent, before caps and schedules."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from personalization.delivery.published import Candidate, Place
from personalization.delivery.standing import Standing
from personalization.registry import Registry


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an assigner leaves of a slot's candidates; none: the visitor is held out.

    `probability` is the chance with which this visitor gets this verdict.
    """

    name: str
    candidates: tuple[Candidate, ...]
    probability: float


class Assigner(Protocol):
    """Asked for every slot of a page, so it reads nothing: what it needs lies in memory."""

    def __call__(self, place: Place, standing: Standing) -> Verdict | None:
        """Return a verdict; None where it has no say. The same arguments, the same verdict."""


#: In the order in which they are asked.
assigners: Registry[Assigner] = Registry("assigner")


def assigners_in_force() -> tuple[Assigner, ...]:
    return tuple(assigner for _, assigner in assigners.items())
