"""Which version of a model served when: what was said then is judged by what came of it.

A version served from when it was promoted until the next one was; of one that was gone back to,
the last time counts. Kept are the artefacts that scores are computed anew with, of at most one
version a day: whatever was said between two of them is judged by the earlier one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from personalization.events.goals import Goal
from personalization.ml.goal_events import PROPENSITY
from personalization.ml.models import ModelVersion
from personalization.ml.training.propensity_plan import AWAY, CHURN
from personalization.ml.training.versions import needed

#: Scores of so long a time are judged: whole weeks, as weekends are not like other days.
JUDGED = timedelta(days=14)


def horizon_of(name: str) -> timedelta | None:
    """Return how long after a score it is known what came of it; None for a model whose scores
    are no probabilities of something that happens."""
    kind, _, slug = name.partition(".")
    if name == CHURN:
        return AWAY
    goal = Goal.objects.filter(slug=slug).first() if kind == PROPENSITY else None
    return goal.within if goal else None


def served(name: str, *, since: datetime, until: datetime) -> Sequence[ModelVersion]:
    """Return the versions that served from `since` until before `until`, in this order (one
    query)."""
    begun = ModelVersion.objects.filter(name=name, promoted_at__lt=until)
    found: list[ModelVersion] = []
    for version in begun.order_by("-promoted_at", "-number").iterator():
        found.append(version)
        if version.promoted_at is not None and version.promoted_at <= since:
            break
    return found[::-1]


def first_served(name: str) -> datetime | None:
    """Return when the first version of a model began to serve (one query)."""
    begun = ModelVersion.objects.filter(name=name, promoted_at__isnull=False)
    return begun.order_by("promoted_at").values_list("promoted_at", flat=True).first()


@needed.register("calibration")
def versions_to_judge(name: str) -> Iterator[int]:
    """Yield the numbers of the versions whose scores are still to be judged: of those that began
    to serve on one day, the first. What has learned from somebody who was erased is not kept for
    it: they were told that nothing of theirs is."""
    horizon = horizon_of(name)
    newest = ModelVersion.objects.filter(name=name, promoted_at__isnull=False)
    last = newest.order_by("-promoted_at").values_list("promoted_at", flat=True).first()
    if horizon is None or last is None:
        return
    days = set()
    for version in served(name, since=last - horizon - JUDGED, until=last):
        assert version.promoted_at is not None
        day = version.promoted_at.date()
        if version.outdated_since is None and day not in days:
            days.add(day)
            yield version.number
