"""What snapshots keep that were built for another plan: what is missing, what is too much."""

from __future__ import annotations

from personalization.profiles.features import kept
from personalization.profiles.models import Snapshot
from personalization.profiles.plan import Plan, plan
from personalization.segments.runs import CounterPlan


def sizes(needed: Plan) -> dict[str, int]:
    """Return how much of each need a snapshot of this plan keeps, by its key."""
    return {need.key: need.size for needs in needed.needs.values() for need in needs}


def note_plan(needed: Plan) -> None:
    """Remember what the plan keeps: once it is not the newest any more, that is asked for."""
    CounterPlan.objects.get_or_create(
        pk=needed.id, defaults={"needs": sizes(needed), "features": kept(needed.weights)}
    )


def wider_plans(wanted: Plan) -> frozenset[str]:
    """Return the other plans that keep all that `wanted` needs, and as much of it."""
    needed, features = sizes(wanted), kept(wanted.weights)
    return frozenset(
        other.pk
        for other in CounterPlan.objects.exclude(pk=wanted.id)
        if other.features == features and needed.items() <= other.needs.items()
    )


def kept_by(plan_id: str, *, wanted: Plan) -> dict[str, int] | None:
    """Return how much of what the snapshots of a plan keep; None: that is not known, or their
    features are others than those of `wanted`."""
    if plan_id == wanted.id:
        return sizes(wanted)
    if plan_id == plan((), weights=wanted.weights).id:
        return {}
    known = CounterPlan.objects.filter(pk=plan_id).first()
    if known is None or known.features != kept(wanted.weights):
        return None
    return dict(known.needs)


def narrow(snapshot: Snapshot, wanted: Plan) -> None:
    """Drop what a snapshot of a wider plan keeps beyond `wanted`."""
    needed = sizes(wanted)
    snapshot.counters = {key: value for key, value in snapshot.counters.items() if key in needed}
    snapshot.plan = wanted.id
