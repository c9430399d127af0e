"""A version of a model beside the log: the rows that it was made of, and what its lists led to."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from django.http import HttpRequest

from personalization.ml.models import ModelVersion
from personalization.ml.serving.clicks import LISTS, WITHIN, ClickThrough, click_through
from personalization.ml.training.audit import recounted
from personalization.ml.training.recommend_plan import RECOMMEND

#: Rows up to which the log is counted with the page; what has more is counted when asked for.
AT_ONCE: Final = 20_000
#: The parameter of the address that asks for it.
COUNT: Final = "count"
#: Lists of so many days are looked at.
DAYS: Final = 30
#: Who fills a list when no model does: the one to compare with.
_POPULARITY: Final = "popularity"


def beside_the_log(request: HttpRequest, version: ModelVersion, *, now: datetime) -> dict[str, Any]:
    """Return what the page of a version shows of the log; nothing of what recommends nothing."""
    if version.name != RECOMMEND or not version.checksum:
        return {}
    wanted = version.rows <= AT_ONCE or COUNT in request.GET
    return {
        "recount": recounted(version) if wanted else None,
        "may_recount": not wanted,
        "click_through": [(one, 100 * one.share) for one in _clicks(version, now=now)],
        "click_days": DAYS,
        "click_most": LISTS,
        "click_minutes": WITHIN // timedelta(minutes=1),
    }


def _clicks(version: ModelVersion, *, now: datetime) -> Sequence[ClickThrough]:
    """Return what lists of the version led to, and those of popularity in the same time."""
    if version.promoted_at is None:
        return ()
    found = click_through(
        since=now - timedelta(days=DAYS), until=now, models=(str(version), _POPULARITY)
    )
    own = [one for one in found if one.model == str(version)]
    return [*own, *(one for one in found if one not in own)] if own else ()
