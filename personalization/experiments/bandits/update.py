"""Let bandits learn from what was logged, and publish their chances when these have moved.

Nothing here imports what learns: it is looked up when it is needed. So a web process, and a
site without numpy, may know of updates.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime
from importlib.util import find_spec
from typing import Any, Final, Protocol

from django.db import transaction
from django.utils.module_loading import import_string

from personalization import metrics
from personalization.experiments.models import BanditState, Experiment
from personalization.revisions import Revision

logger = logging.getLogger(__name__)

#: By its dotted path: it needs numpy, which pages do without.
_LEARN: Final = "personalization.experiments.bandits.learning.lesson_of"
#: What may be wrong with the data of one experiment, and keeps no other from learning.
_FAILURES: Final = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)


class Lesson(Protocol):
    """What was learned, and whether pages should know of it."""

    @property
    def content(self) -> dict[str, Any]: ...

    @property
    def is_worth_it(self) -> bool: ...


def can_learn() -> bool:
    """Return whether what learns is installed."""
    return all(find_spec(name) is not None for name in ("numpy", "scipy"))


def learning() -> list[Experiment]:
    """Return the experiments that run and have a bandit (a query)."""
    running = Experiment.objects.running().exclude(allocation=Experiment.Allocation.FIXED)
    return list(running.select_related("bandit").order_by("slug"))


def update_bandits(*, now: datetime) -> int:
    """Let all bandits learn; return of how many the chances were published anew.

    One whose data is wrong leaves the others alone, and its chances as they are. The state of a
    bandit is written in one piece at the end, by one worker: of two that learn at once, the
    later one writes nothing.
    """
    if not can_learn():
        return 0
    return sum(_updated(experiment, now=now) for experiment in learning())


def _updated(experiment: Experiment, *, now: datetime) -> bool:
    learn: Any = import_string(_LEARN)
    state: BanditState | None = getattr(experiment, "bandit", None)
    known: Mapping[str, Any] = state.content if state else {}
    number = state.number + 1 if state else 1
    try:
        lesson: Lesson | None = learn(experiment, known, number=number, now=now)
    except _FAILURES:
        metrics.count("bandits.failed")
        logger.exception(
            "The bandit of %s learned nothing.", experiment.slug, extra={"action": "bandit_failed"}
        )
        return False
    if lesson is None or not lesson.is_worth_it:
        return False
    return _keep(experiment, state, lesson.content, now=now)


def _keep(
    experiment: Experiment, before: BanditState | None, content: dict[str, Any], *, now: datetime
) -> bool:
    """Publish the state that follows from `before`, unless another did so, or it is over."""
    with transaction.atomic():
        rows = Experiment.objects.running().select_for_update()
        if not rows.filter(pk=experiment.pk, allocation=experiment.allocation).exists():
            return False
        values = {"content": content, "updated_at": now}
        if before is None:
            _, kept = BanditState.objects.get_or_create(
                experiment=experiment, defaults={"number": 1, **values}
            )
            return kept
        same = BanditState.objects.filter(pk=before.pk, number=before.number)
        if kept := bool(same.update(number=before.number + 1, **values)):
            Revision.raise_number()  # `update` does not
        return kept
