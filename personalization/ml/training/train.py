"""Train what is due: one model at a time, held by one worker, promoted only if it is good.

Nothing here imports what learns: a recipe is looked up when it is needed. So a web process,
and a site without the extra `ml`, may know of trainings.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.util import find_spec
from typing import TYPE_CHECKING, Literal

from django.db import DatabaseError, OperationalError
from django.utils.module_loading import import_string

from personalization import metrics
from personalization.exceptions import PersonalizationError
from personalization.ml.models import ModelVersion
from personalization.ml.threads import one_thread
from personalization.ml.training.attempts import (
    Attempt,
    TrainingLost,
    open_trainings,
    request_due,
    take,
)
from personalization.ml.training.known import planned
from personalization.ml.training.plans import Order, Plan
from personalization.ml.training.promote import Verdict, judged
from personalization.ml.training.schedule import due
from personalization.ml.training.versions import hold, promote, prune, serving
from personalization.ml.unfit import TooLittleData

if TYPE_CHECKING:  # it learns
    from personalization.ml.training.learned import Learned

logger = logging.getLogger(__name__)

#: Whether a trained version serves: not even if it is good, if it is, whatever it is.
Mode = Literal["never", "auto", "always"]
MODES: Sequence[Mode] = ("never", "auto", "always")

#: What may be wrong with a recipe or its data, and not with the process.
FAILURES = (
    ArithmeticError, AssertionError, AttributeError, DatabaseError, ImportError, LookupError,
    MemoryError, OSError, RuntimeError, TypeError, ValueError,
)  # fmt: skip


#: By its place: it packs what was learned with numpy.
_CHECKPOINTS = "personalization.ml.training.checkpoints.Kept"

_UNPLANNED = "There is no plan for this model any more."

Progress = Callable[[float, str], None]


def _unheard(share: float, words: str) -> None:
    return None


class CannotTrain(PersonalizationError):
    """The extra `ml` is not installed: pip install personalization[ml]."""


def can_train() -> bool:
    """Return whether what learns is installed."""
    return all(find_spec(name) is not None for name in ("sklearn", "threadpoolctl"))


def train_models(*, now: datetime) -> int:
    """Train what is due or was asked for; return how many trainings were taken up.

    Where nothing can be trained, nothing is begun: popularity serves.
    """
    if not can_train():
        return 0
    clock, plans, taken = _Clock(now), planned(), 0
    for plan in due(plans.values(), now=now):
        request_due(plan, now=now)
    for version in list(open_trainings()):
        if (attempt := take(version, now=clock())) is None:
            continue
        taken += 1
        if (known := plans.get(version.name)) is None:
            attempt.fail(_UNPLANNED)
        else:
            train(attempt, known)
    return taken


def give_up_unplanned(*, now: datetime) -> None:
    """Fail what waits for a training and has no plan any more, as a goal that was switched off."""
    for version in open_trainings().exclude(name__in=planned()):
        if (attempt := take(version, now=now)) is not None:
            attempt.fail(_UNPLANNED)


def train(
    attempt: Attempt, plan: Plan, *, mode: Mode = "auto", progress: Progress = _unheard
) -> ModelVersion:
    """Train a version that was taken up, and return what became of it.

    Whatever is wrong with the data or the recipe is kept with the version. `progress` hears
    of every step; what is kept of them is less.

    :raises OperationalError: if the database is gone; the training then begins anew.
    """
    version = attempt.version
    try:
        until = attempt.until(window=plan.window)
    except TrainingLost:
        version.refresh_from_db()
        return version
    order = Order(
        plan=plan,
        since=until - plan.window,
        until=until,
        checkpoints=import_string(_CHECKPOINTS)(version),
        seed=version.seed,
        serving=serving(plan.name),
        progress=_both(attempt.progress, progress),
    )
    try:
        with one_thread():
            learned: Learned = import_string(plan.recipe)(order)
            content = learned.content()
        _keep(attempt, order, learned, content, mode=mode)
    except TrainingLost:
        logger.warning("The training of %s was taken away.", version)
    except KeyboardInterrupt:
        attempt.fail("Stopped from the keyboard.")
        raise
    except OperationalError:
        raise
    except PersonalizationError as error:  # unfit data, or a wrong configuration
        attempt.fail(str(error), lacks=isinstance(error, TooLittleData))
    except FAILURES as error:
        attempt.fail(f"{type(error).__name__}: {error}")
        metrics.count("models.training_failed")
        logger.exception("The training of %s failed.", version, extra={"action": "training_failed"})
    version.refresh_from_db()
    return version


def _keep(attempt: Attempt, order: Order, learned: Learned, content: bytes, *, mode: Mode) -> None:
    """Keep what was learned, and let it serve if it may, both or neither."""
    with attempt.together():
        hold(order.plan.name)  # so that what serves is still the same when this one begins to
        verdict = _verdict(order, learned, mode)
        attempt.keep(
            content=content,
            sha256=hashlib.sha256(content).hexdigest(),
            algorithm=learned.model.algorithm,
            config=learned.config(),
            window=(learned.since, learned.until),
            rows=learned.rows,
            metrics=learned.figures(),
            features_version=learned.features_version,
            remarks=[*learned.remarks, *verdict.remarks],
        )
        if verdict.may_serve:
            promote(attempt.version, now=attempt.clock())
        prune(order.plan.name)


def _both(one: Progress, other: Progress) -> Progress:
    def tell(share: float, words: str) -> None:
        one(share, words)
        other(share, words)

    return tell


def _verdict(order: Order, learned: Learned, mode: Mode) -> Verdict:
    verdict = judged(learned.trial)
    if mode == "never":
        return Verdict(may_serve=False, remarks=verdict.remarks)
    if mode == "always":
        remarks = (*verdict.remarks, "It serves all the same, as was asked.")
        return Verdict(may_serve=True, remarks=() if verdict.may_serve else remarks)
    compared = order.serving.pk if order.serving else None
    now_serving = serving(order.plan.name)
    if verdict.may_serve and now_serving is not None and now_serving.pk != compared:
        return Verdict(
            may_serve=False,
            remarks=("Meanwhile another version began to serve, with which it was not compared.",),
        )
    return verdict


@dataclass
class _Clock:
    """Goes on from the `now` it was given."""

    now: datetime

    def __post_init__(self) -> None:
        self._started = time.monotonic()

    def __call__(self) -> datetime:
        return self.now + timedelta(seconds=time.monotonic() - self._started)
