"""What experiments and the holdout from everything make of a list of recommended items: pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from personalization.delivery.standing import Standing
from personalization.delivery.trials import MODELS, entrant_of
from personalization.experiments.trial import GLOBAL, HELD_OUT, Assigned, Trial, assign, holdout

#: What an arm's content names, before the number of a version.
RECOMMENDER: Final = "recommend"
#: No version at all: what is popular.
POPULAR: Final = 0


@dataclass(frozen=True, slots=True)
class ListArms:
    """The arms that a visitor is in at a list. `version` is the number of what recommends, None
    where that is what serves; `for_all` says that they get the list of everybody."""

    assigned: tuple[Assigned, ...] = ()
    version: int | None = None
    for_all: bool = False


def list_arms(
    trials: Iterable[Trial],
    standing: Standing,
    *,
    place: str,
    held_out_of_all: float,
    has_history: bool,
    has_item: bool,
) -> ListArms:
    """Return the arms of a visitor at the list of a place, as far as they count.

    Who did nothing with items yet gets the list of everybody anyway, so that the holdout makes
    no difference; and models say something only of who did, or of the item of a page.
    """
    assigned: tuple[Assigned, ...] = ()
    everything = holdout(GLOBAL, unit=standing.unit, share=held_out_of_all)
    if everything is not None and not standing.preview:
        assigned = (everything,) if has_history else ()
        if everything.arm == HELD_OUT:
            return ListArms(assigned, for_all=True)
    entrant = entrant_of(standing)
    for trial in trials:
        if trial.kind != MODELS or trial.place not in ("", place):
            continue
        if standing.preview and trial.key not in standing.forced:
            continue
        if (found := assign(trial, entrant)) is not None:
            arm, one = found
            told = (*assigned, one) if has_history or has_item else assigned
            return ListArms(told, version=version_in(arm.content))
    return ListArms(assigned)


def version_in(content: str) -> int:
    """Return the number of the version that an arm names; `POPULAR` for what is none."""
    name, _colon, number = content.partition(":")
    is_number = number.isascii() and number.isdigit() and len(number) < 10
    return int(number) if name == RECOMMENDER and is_number else POPULAR
