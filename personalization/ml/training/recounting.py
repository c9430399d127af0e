"""Rows that the log has for a version's window now, by the same rules as its training: what a
training looks for, and not what it then learns of it.

Instants of predictors are drawn with the seed of the version, so that nothing but the log and who
agrees makes another number.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from personalization.clock import microseconds
from personalization.events.goals import Goal
from personalization.ml.base import Options
from personalization.ml.consenting import consenting
from personalization.ml.features.table import Wanted
from personalization.ml.goal_events import PROPENSITY
from personalization.ml.models import ModelVersion
from personalization.ml.training import clustering, outcomes, sequencing
from personalization.ml.training.propensity_plan import AWAY, CHURN
from personalization.ml.walks import walks


@dataclass(frozen=True, kw_only=True)
class Found:
    """Rows that a training would find now, and how many it would draw of more."""

    rows: int
    most: int


def rows_now(version: ModelVersion, *, since: datetime, until: datetime) -> Found | None:
    """Return the rows of a version's window; None of a model that nothing is known of, or whose
    goal is gone. Reads all of the window, but no features."""
    kind, _, slug = version.name.partition(".")
    rng = Options(seed=version.seed).rng()
    if version.name == CHURN:
        leaving = outcomes.leaving_instants(away=AWAY, since=since, until=until, rng=rng)
        return Found(rows=_agreeing(leaving), most=outcomes.MOST)
    if kind == PROPENSITY:
        goal = Goal.objects.filter(slug=slug).first()
        if goal is None:
            return None
        asked = outcomes.goal_instants(within=goal.within, since=since, until=until, rng=rng)
        return Found(rows=_agreeing(asked), most=outcomes.MOST)
    if kind == "cluster":
        rows = clustering.there(since=since, until=until).count()
        return Found(rows=rows, most=clustering.MOST)
    if kind == "sequences":
        taken = walks(since=microseconds(since), until=microseconds(until))
        return Found(rows=sum(1 for _ in taken), most=sequencing.MOST)
    return None


def _agreeing(wanted: Iterable[Wanted]) -> int:
    agree = set(consenting())
    return sum(1 for profile_id, _at in wanted if profile_id in agree)
