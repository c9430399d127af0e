"""Which content of a slot a visitor sees: pure, the whole precedence in one place.

In this order: no id → default; no consent to personalization → default; the
first candidate whose segment the visitor is in; else the default. Variations
from the admin are candidates before those of the template, so that a site owner
can override a template without touching it.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from personalization.delivery.published import Candidate

Reason = Literal["segment", "no_id", "no_consent", "no_match", "too_late"]


def new_decision_id() -> str:
    return os.urandom(16).hex()  # cheaper than a uuid, for every slot of every page


@dataclass(frozen=True, slots=True)
class Decision:
    """What to show in a slot, and why. `candidate` None is the default.

    `probability` is the chance with which this visitor gets this content.
    """

    slot: str
    candidate: Candidate | None
    reason: Reason
    probability: float = 1.0
    id: str = field(default_factory=new_decision_id)


def choose(
    slot: str,
    candidates: Sequence[Candidate],
    *,
    known: bool,
    consented: bool,
    segments: frozenset[str],
) -> Decision:
    """Return the decision for a visitor who is in `segments` (slugs) now."""
    if not known:
        return Decision(slot, None, "no_id")
    if not consented:
        return Decision(slot, None, "no_consent")
    for candidate in candidates:
        if not segments.isdisjoint(candidate.segments):
            return Decision(slot, candidate, "segment")
    return Decision(slot, None, "no_match")
