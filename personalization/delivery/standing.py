"""What a decision depends on besides the slot."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from personalization.types import Microseconds


@dataclass(frozen=True, slots=True)
class Standing:
    """Who a decision is for, and when.

    `unit` is what chance is drawn by: the same visitor draws the same lot again, also once they
    have logged in. `features` are for experiments that learn what suits whom. In a `preview` the
    segments are pretended, and only the schedule, the strategy and the arms in `forced`
    (experiment → arm) count.
    """

    segments: frozenset[str] = frozenset()
    weights: Mapping[str, float] = field(default_factory=dict)
    known: bool = True
    consented: bool = True
    bot: bool = False
    paused: bool = False
    preview: bool = False
    unit: str = ""
    now: Microseconds = 0
    features: Mapping[str, float] = field(default_factory=dict)
    forced: Mapping[str, str] = field(default_factory=dict)
