"""A version of a model beside the log: the rows that it was made of, and what its lists led to."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from django.http import HttpRequest

from personalization.ml.models import ModelVersion
from personalization.ml.serving.clicks import LISTS, WITHIN
from personalization.ml.training.audit import recounted
from personalization.ml.training.list_clicks import SPAN, Clicked, Clicks, clicks_of
from personalization.ml.training.recommend_plan import RECOMMEND
from personalization.ml.training.watched import Watched

#: Rows up to which the log is counted with the page; what has more is counted when asked for.
AT_ONCE: Final = 20_000
#: The same of rows that are people, who may have been drawn of many more.
PEOPLE_AT_ONCE: Final = 5_000
#: The parameter of the address that asks for it.
COUNT: Final = "count"


def beside_the_log(request: HttpRequest, version: ModelVersion, *, now: datetime) -> dict[str, Any]:
    """Return what the page of a version shows of the log; nothing of what was not trained."""
    if not version.checksum:
        return {}
    recommends = version.name == RECOMMEND
    wanted = COUNT in request.GET or version.rows <= (AT_ONCE if recommends else PEOPLE_AT_ONCE)
    return {
        "recount": recounted(version) if wanted else None,
        "may_recount": not wanted,
        **(_lists(version, now=now) if recommends else {}),
    }


def _lists(version: ModelVersion, *, now: datetime) -> dict[str, Any]:
    clicks = _clicks(version, now=now)
    if clicks is None:
        return {}
    return {
        "lists": [
            _row(one) for one in (clicks.own, clicks.popularity, *clicks.others) if one.lists
        ],
        "lists_missing": clicks.missing(),
        "lists_days": SPAN // timedelta(days=1),
        "lists_most": LISTS,
        "lists_minutes": WITHIN // timedelta(minutes=1),
    }


def _clicks(version: ModelVersion, *, now: datetime) -> Clicks | None:
    """Return what the daily look found of its lists, or what there is now if it never looked;
    None of a version that never served."""
    if version.promoted_at is None:
        return None
    found = Watched.read(version)
    return found.clicks if found and found.clicks else clicks_of(version, now=now)


def _row(one: Clicked) -> tuple[Clicked, float, float, float]:
    """Return lists with their share and its interval, of 100."""
    low, high = one.interval
    return one, 100 * one.share, 100 * low, 100 * high
