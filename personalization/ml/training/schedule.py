"""When a model is trained anew: at night, and sooner when it knows somebody who was erased."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.db.models import Max, Q

from personalization.clock import site_zone
from personalization.ml.models import ModelVersion
from personalization.ml.training.plans import Plan

#: When it is night, in the time zone of the site.
HOUR = 3
DAY = timedelta(days=1)
#: A model that knows somebody who was erased is trained at once, but not after each erasure.
OUTDATED_PAUSE = timedelta(hours=1)


def due(plans: Iterable[Plan], *, now: datetime) -> list[Plan]:
    """Return the plans to train by now; first those that know somebody who was erased."""
    status = ModelVersion.Status
    found = ModelVersion.objects.values("name").annotate(
        begun=Max("created_at"),
        outdated=Max(
            "outdated_since", filter=Q(status__in=(status.SERVING, status.CANDIDATE))
        ),
    )  # fmt: skip
    known = {each["name"]: each for each in found.order_by("name")}
    urgent: list[Plan] = []
    others: list[Plan] = []
    for plan in plans:
        about = known.get(plan.name)
        if about is None or next_training(about["begun"], period=plan.period) <= now:
            (urgent if about and about["outdated"] else others).append(plan)
        elif about["outdated"] and about["begun"] + OUTDATED_PAUSE <= now:
            urgent.append(plan)
    return urgent + others


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
