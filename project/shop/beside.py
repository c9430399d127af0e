"""Who is played while the demo is looked at already, and what is learned when they have been here.

Groups and chances that are learned of half of a crowd are of people who have only just come in:
the first page of each was sent ahead (`playback`). So models wait for all of them, except for what
recommends, which goes by what people did and not by who they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime

from django.db import OperationalError

from personalization.ml.training.attempts import request, take
from personalization.ml.training.known import plan_of, planned
from personalization.ml.training.recommend_plan import RECOMMEND
from personalization.ml.training.train import can_train, train
from project.shop.models import SimulationRun
from project.shop.playback import SEED, Cast, unfinished_run


def runs_beside(*, crowd: int, planted: int) -> list[SimulationRun]:
    """Return who has not been here yet, of those who are played while the demo is looked at."""
    casts = ((Cast.CROWD, crowd), (Cast.PLANTED, planted))
    runs = (unfinished_run(seed=SEED, visitors=visitors, cast=cast) for cast, visitors in casts)
    return [run for run in runs if run is not None]


def beside_words(runs: Sequence[SimulationRun]) -> str:
    """Return what goes on behind the scenes; empty where nothing does."""
    if not runs:
        return ""
    return f"""\
  {sum(run.visitors for run in runs)} more visitors of the last months are on their way. What it earns is known, and groups and
  chances are learned, when they have been here, in a few minutes.
"""


def learn_to_recommend(*, now: datetime) -> None:
    """Learn what to recommend from who has been here so far, that lists follow visitors at once."""
    plan = plan_of(RECOMMEND)
    # A database that others hold for long is no reason to end the demo; it is learned later, too.
    with suppress(OperationalError):
        if can_train() and (attempt := take(request(plan, now=now), now=now)) is not None:
            train(attempt, plan)


def ask_for_models(*, now: datetime) -> None:
    """Have every model learned of all who have been here."""
    for plan in planned().values():
        request(plan, now=now)
