"""What of a running experiment may not be changed: whatever would move its visitors. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from personalization.experiments.drafts import Draft
from personalization.experiments.ramps import ramp_steps
from personalization.experiments.validation import Fault
from personalization.experiments.wording import percent

_MENDED: Final = gettext_lazy("Stop it and start a new one instead.")
#: Fields that are either the same or not.
_FIXED: Final = {
    "kind": gettext_lazy("What is compared stays: what was counted is about that."),
    "place": gettext_lazy("Its place stays: what was counted was seen there."),
    "audience": gettext_lazy("It stays with its audience: others would come in, or drop out."),
    "allocation": gettext_lazy("How visitors are divided stays: many would change their arm."),
    "hash_version": gettext_lazy("The version of the hash stays: everybody would change their arm."),
}  # fmt: skip


def moves(before: Draft, after: Draft, *, now: datetime) -> tuple[Fault, ...]:
    """Return what a change of a running experiment would do to visitors that are in it.

    Names, metrics, its end, and more visitors are all fine.
    """
    return (*_of_fields(before, after, now), *_of_coverage(before, after, now))


def arm_moves(before: Draft, after: Draft) -> tuple[Fault, ...]:
    """Return the same for its arms."""
    return tuple(_of_arms(before, after))


def _of_fields(before: Draft, after: Draft, now: datetime) -> Iterator[Fault]:
    for field, why in _FIXED.items():
        if getattr(before, field) != getattr(after, field):
            yield _moved(field, str(why))
    if before.hashed_with != after.hashed_with:
        yield _moved("seed", _("The seed stays: everybody would be dealt anew."))
    namespaced = (before.namespace, before.held if before.namespace else None)
    if namespaced != (after.namespace, after.held if after.namespace else None):
        field = "namespace" if before.namespace != after.namespace else "namespace_from"
        yield _moved(field, _("Its part of a namespace stays: visitors would come in, or drop out."))  # fmt: skip
    if _later(before.starts_at, now) != _later(after.starts_at, now):
        yield _moved("starts_at", _("It has begun: visitors would drop out until then."))


def _later(at: datetime | None, now: datetime) -> datetime | None:
    """Return an instant that is still to come; what is over counts as none."""
    return at if at is not None and at > now else None


def _of_coverage(before: Draft, after: Draft, now: datetime) -> Iterator[Fault]:
    had, has = _covers(before, now), _covers(after, now)
    if has >= had:
        return
    field = "coverage" if after.coverage < before.coverage else "ramp"
    why = _("%(has)s is less than the %(had)s that take part now: visitors would drop out.")
    mend = _("More is fine, and nobody changes their arm.")
    told = f"{why % {'has': percent(has), 'had': percent(had)}} {mend}"
    yield _moved(field, told)


def _covers(draft: Draft, now: datetime) -> float:
    covered = draft.coverage
    for at, share in ramp_steps(draft.ramp) or ():
        if at <= now:
            covered = share
    return covered


def _of_arms(before: Draft, after: Draft) -> Iterator[Fault]:
    if [arm.key for arm in before.arms] != [arm.key for arm in after.arms]:
        yield _moved("arms", _("Its arms stay as they are: visitors would change to others."))
        return
    for place, (had, has) in enumerate(zip(before.arms, after.arms, strict=True)):
        if had.content != has.content:
            why = _("What an arm shows stays: what was counted is about that.")
            yield _moved("content", why, arm=place)
        if abs(had.weight - has.weight) > 1e-6:
            why = _("It stays at %(share)s: with other shares, visitors change their arm.")
            yield _moved("weight", why % {"share": percent(had.weight)}, arm=place)


def _moved(field: str, why: str, *, arm: int | None = None) -> Fault:
    return Fault(field=field, code="moves", message=f"{why} {_MENDED}", arm=arm)
