"""When a model is trained anew: at night, and sooner when it knows somebody who was erased."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.db.models import Count, Max, Q

from personalization.clock import site_zone
from personalization.ml.models import ModelVersion
from personalization.ml.training.plans import Plan

#: When it is night, in the time zone of the site.
HOUR = 3
DAY = timedelta(days=1)
#: A model that knows somebody who was erased is trained at once, but not after each erasure.
OUTDATED_PAUSE = timedelta(hours=1)


#: As long as nothing serves, the next try is so long after the first, and each pause is twice
#: the one before: a new site has too little to learn from at first, and soon enough.
FIRST_PAUSE = timedelta(minutes=1)
_MOST_PATIENT = 16


@dataclass(frozen=True, kw_only=True)
class Past:
    """What was done for a model so far."""

    #: When it was last begun, and how often.
    begun: datetime
    tries: int
    serves: bool
    #: Since when what serves knows somebody who was erased.
    outdated_since: datetime | None = None

    def next_at(self, plan: Plan) -> datetime:
        """Return when it is trained anew."""
        at = next_training(self.begun, period=plan.period)
        if not self.serves:
            pause = FIRST_PAUSE * 2 ** min(self.tries - 1, _MOST_PATIENT)
            at = min(at, self.begun + pause)
        if self.outdated_since is not None:
            at = min(at, max(self.begun + OUTDATED_PAUSE, self.outdated_since))
        return at


def due(plans: Iterable[Plan], *, now: datetime) -> list[Plan]:
    """Return the plans to train by now; first those that know somebody who was erased."""
    past = pasts()
    urgent: list[Plan] = []
    others: list[Plan] = []
    for plan in plans:
        about = past.get(plan.name)
        if about is None or about.next_at(plan) <= now:
            (urgent if about and about.outdated_since else others).append(plan)
    return urgent + others


def pasts() -> dict[str, Past]:
    """Return what was done for each model that has versions."""
    status = ModelVersion.Status
    serves = Q(status=status.SERVING)
    found = ModelVersion.objects.values("name").annotate(
        begun=Max("created_at"),
        tries=Count("pk"),
        n_serving=Count("pk", filter=serves),
        outdated=Max("outdated_since", filter=serves),
    )
    return {
        each["name"]: Past(
            begun=each["begun"],
            tries=each["tries"],
            serves=bool(each["n_serving"]),
            outdated_since=each["outdated"],
        )
        for each in found.order_by("name")
    }


def next_training(begun: datetime, *, period: timedelta) -> datetime:
    """Return when a model is trained anew that was last begun at `begun`.

    That is `period` later; if this is a day or more, in the night around then. One that
    was trained by hand in the evening is left alone in the night that follows.
    """
    if period < DAY:
        return begun + period
    zone = ZoneInfo(site_zone())
    earliest = (begun + period - DAY / 2).astimezone(zone)
    night = datetime.combine(earliest.date(), time(HOUR), tzinfo=zone)
    return night if night >= earliest else night + DAY
