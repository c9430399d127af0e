"""Which content of a slot a visitor sees: pure, the whole precedence in one place.

The first of these that has an answer gives it (`PRECEDENCE`):

1. a preview decides by what it pretends, that somebody did not agree included, and nothing
   below but the arms it names, the schedule and the strategy;
2. no id, or no consent to personalization → the default;
3. a bot → the default;
4. a visitor whose personalization is paused, for inconsistent behaviour → the default;
5. a slot with a trigger, in a page that the server renders → the default: it waits for what
   happens in the browser, which asks when it has the page;
6. the holdout from everything → the default, where something would be shown;
7. an experiment says which of its arms the visitor sees;
8. candidates and slots that were shown often enough are left out;
9. so are candidates outside of their schedule;
10. of the candidates whose segments the visitor is in, those that the strategy of the slot
    picks (`segments.overlaps`);
11. the holdout of what was picked → the default: who is held out is drawn among those who would
    see it, so that the two can be compared;
12. the default.

Variations from the admin are candidates before those of the template, so that a site owner
can override a template without touching it.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from math import prod
from typing import Final, Literal

from personalization.delivery.published import Candidate, Place
from personalization.delivery.standing import Standing
from personalization.delivery.trials import arms_of
from personalization.experiments.trial import GLOBAL, HELD_OUT, SHOWN, Assigned, holdout
from personalization.segments.overlaps import chance, chosen
from personalization.types import Microseconds

Reason = Literal[
    "segment",
    "experiment",
    "no_id",
    "no_consent",
    "bot",
    "paused",
    "waits",
    "held_out",
    "capped",
    "no_match",
    "too_late",
]
#: The steps of a decision, in the order in which they are asked.
PRECEDENCE: Final = (
    "preview", "consent", "bot", "pause", "trigger", "global", "experiment", "cap", "schedule",
    "strategy", "holdout",
)  # fmt: skip


def new_decision_id() -> str:
    return os.urandom(16).hex()  # cheaper than a uuid, for every slot of every page


@dataclass(frozen=True, slots=True)
class Step:
    """One question on the way to a decision, and its answer, for whoever asks why.

    `left` are the keys of the candidates that are left after it, `assigned` the arms that it put
    the visitor into.
    """

    name: str
    answer: str
    left: tuple[str, ...] = ()
    assigned: tuple[Assigned, ...] = ()


@dataclass(frozen=True, slots=True)
class Decision:
    """What to show in a slot, and why. `candidate` None is the default.

    `probability` is the chance with which this visitor comes to this content by this way, that of
    the arms in `assigned` included. `more` is what follows the candidate in a slot that shows all
    that match. `assigned` are the arms of experiments and holdouts that the visitor is in here:
    what is shown counts then, the default included.
    """

    slot: str
    candidate: Candidate | None
    reason: Reason
    probability: float = 1.0
    id: str = field(default_factory=new_decision_id)
    more: tuple[Candidate, ...] = ()
    assigned: tuple[Assigned, ...] = ()

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """All that is shown, in order; nothing for the default."""
        return () if self.candidate is None else (self.candidate, *self.more)

    @property
    def assigned_or_shown(self) -> bool:
        """Whether it counts: something is shown, or the default because of what was assigned."""
        return self.candidate is not None or bool(self.assigned)

    @property
    def variation(self) -> str:
        """The keys of what is shown, as exposures and caches call it; empty for the default."""
        return "+".join(candidate.key for candidate in self.candidates)


Note = Callable[[Step], None]


def choose(
    place: Place, standing: Standing, *, note: Note | None = None, in_browser: bool = False
) -> Decision:
    """Return the decision for `place`; `note` is told every step on the way.

    `in_browser` says that the browser asks, which can wait for the trigger of a slot. The
    same arguments give the same decision, but for its id.
    """
    refused = _refused(standing, note)
    if refused is not None:
        return Decision(place.slug, None, refused)
    if place.trigger and not in_browser:
        _tell(note, "trigger", place.trigger)
        return Decision(place.slug, None, "waits")
    if standing.preview:
        return _arranged(place, standing, note)
    everything = holdout(GLOBAL, unit=standing.unit, share=place.held_out_of_all)
    if everything is None:
        return _arranged(place, standing, note)
    _tell(note, "global", everything.arm, assigned=(everything,))
    if everything.arm == HELD_OUT:
        if _usual(place, standing, None).candidate is None:
            return _usual(place, standing, note)  # nobody would see anything else here
        return Decision(
            place.slug, None, "held_out", everything.probability, assigned=(everything,)
        )
    decision = _arranged(place, standing, note)
    # Who would see something without experiments is in one arm or the other of this holdout.
    if (decision if not place.trials else _usual(place, standing, None)).assigned_or_shown:
        decision = _with_arms(decision, (everything,))
    return decision


def _with_arms(decision: Decision, assigned: tuple[Assigned, ...]) -> Decision:
    """Return the decision as one that those who are `assigned` so get."""
    return replace(
        decision,
        probability=decision.probability * prod(one.probability for one in assigned),
        assigned=(*assigned, *decision.assigned),
    )


def _arranged(place: Place, standing: Standing, note: Note | None) -> Decision:
    """Return what experiments, and then everything below them, make of it."""
    arms = arms_of(place, standing, outcome=_outcome)
    if arms.assigned:
        told = ", ".join(f"{one.experiment}: {one.arm}" for one in arms.assigned)
        _tell(note, "experiment", told, arms.place.candidates, assigned=arms.assigned)
    decision = _usual(arms.place, standing, note)
    if not (arms.place.is_fixed or standing.preview):
        decision = _with_holdouts(place, decision, standing, note)
    return _with_arms(decision, arms.assigned) if arms.assigned else decision


def _usual(place: Place, standing: Standing, note: Note | None) -> Decision:
    """Return what caps, schedules and the strategy make of it."""
    left = place.candidates
    if not standing.preview:
        left = _not_capped(place, left, standing, note)
        if place.candidates and not left:
            return Decision(place.slug, None, "capped")
    left = _scheduled(left, standing.now, note)
    if place.is_fixed:
        return Decision(place.slug, left[0] if left else None, "experiment")
    return _strategic(place, left, standing, note)


def _outcome(place: Place, standing: Standing) -> str:
    """Return what the visitor would see of it, to compare the arms of an experiment."""
    return _usual(place, standing, None).variation


def _with_holdouts(
    place: Place, decision: Decision, standing: Standing, note: Note | None
) -> Decision:
    """Return the decision without what the visitor is held out from."""
    drawn = [
        (one, held)
        for one in decision.candidates
        if (held := _held_out(place, one, standing.unit)) is not None
    ]
    if not drawn:
        return decision
    out = {one.key for one, held in drawn if held.arm == HELD_OUT}
    left = tuple(one for one in decision.candidates if one.key not in out)
    assigned = tuple(held for _, held in drawn)
    _tell(note, "holdout", HELD_OUT if out else SHOWN, left, assigned=assigned)
    shown = replace(
        decision,
        candidate=left[0] if left else None,
        more=left[1:],
        reason=decision.reason if left else "held_out",
    )
    return _with_arms(shown, assigned)


def _held_out(place: Place, candidate: Candidate, unit: str) -> Assigned | None:
    share = place.held_out if candidate.held_out is None else candidate.held_out
    return holdout(f"{place.slug}/{candidate.key}", unit=unit, share=share)


def is_refused(standing: Standing) -> bool:
    """Return whether somebody sees the default of every slot, whatever it is asked."""
    return _refused(standing, None) is not None


def _refused(standing: Standing, note: Note | None) -> Reason | None:
    """Return why nothing personal is shown at all."""
    reason: Reason | None = None
    if standing.preview:
        reason = None if standing.consented else "no_consent"
        _tell(note, "preview", reason or "in force")
        return reason
    if not standing.known:
        reason = "no_id"
    elif not standing.consented:
        reason = "no_consent"
    _tell(note, "consent", reason or "given")
    if reason is None and standing.bot:
        reason = "bot"
        _tell(note, "bot", "yes")
    if reason is None and standing.paused:
        reason = "paused"
        _tell(note, "pause", "paused")
    return reason


def _not_capped(
    place: Place, candidates: tuple[Candidate, ...], standing: Standing, note: Note | None
) -> tuple[Candidate, ...]:
    """Return the candidates that were not shown often enough yet.

    Who was, is in the segment that the cap is kept as.
    """
    inside = standing.segments
    if place.cap and place.cap in inside:
        left: tuple[Candidate, ...] = ()
    elif [one for one in candidates if one.cap]:
        left = tuple(one for one in candidates if not one.cap or one.cap not in inside)
    else:
        return candidates
    _tell(note, "cap", "reached" if len(left) < len(candidates) else "not reached", left)
    return left


def _scheduled(
    candidates: tuple[Candidate, ...], now: Microseconds, note: Note | None
) -> tuple[Candidate, ...]:
    if not [one for one in candidates if one.starts is not None or one.ends is not None]:
        return candidates
    left = tuple(
        one
        for one in candidates
        if (one.starts is None or one.starts <= now) and (one.ends is None or now < one.ends)
    )
    _tell(note, "schedule", "outside" if len(left) < len(candidates) else "inside", left)
    return left


def _strategic(
    place: Place, candidates: tuple[Candidate, ...], standing: Standing, note: Note | None
) -> Decision:
    """Return what the strategy picks of the candidates whose segments the visitor is in."""
    strategy, segments = place.strategy, standing.segments
    lot = draw(place.slug, standing.unit) if strategy == "random" else 0.0
    shown = chosen(strategy, candidates, segments=segments, weights=standing.weights, lot=lot)
    _tell(note, "strategy", strategy, shown)
    if not shown:
        return Decision(place.slug, None, "no_match")
    probability = 1.0
    if strategy == "random":
        probability = chance(shown[0], candidates, segments=segments)
    return Decision(place.slug, shown[0], "segment", probability, more=shown[1:])


def draw(slot: str, unit: str) -> float:
    """Return a number in [0, 1), evenly spread over units: always the same for one of them."""
    digest = hashlib.blake2b(f"{slot}\n{unit}".encode(), digest_size=8).digest()
    return int.from_bytes(digest) / 2**64


def _tell(
    note: Note | None,
    name: str,
    answer: str,
    left: Sequence[Candidate] = (),
    *,
    assigned: tuple[Assigned, ...] = (),
) -> None:
    """Tell of a step; for most pages nobody asks why."""
    if note is not None:
        note(Step(name, answer, tuple(one.key for one in left), assigned))
