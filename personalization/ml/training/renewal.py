"""Bring models that serve up to what was logged since, every few minutes and cheaply.

What a recipe renews is what is cheap to learn; configuration and weights stay, and so does the
version: it was judged once. Two workers that do so at once lose nothing but the work of one.
"""

from __future__ import annotations

import hashlib
import logging
from datetime import datetime
from typing import TYPE_CHECKING

from django.db import OperationalError
from django.utils.module_loading import import_string

from personalization import metrics
from personalization.exceptions import PersonalizationError
from personalization.ml.models import ModelVersion
from personalization.ml.threads import one_thread
from personalization.ml.training.arrivals import last_event
from personalization.ml.training.known import planned
from personalization.ml.training.plans import Order, Plan
from personalization.ml.training.train import FAILURES, can_train
from personalization.ml.training.versions import ServesNoMore, artefact_problem, renew, serving

if TYPE_CHECKING:  # it learns
    from personalization.ml.training.learned import Learned

logger = logging.getLogger(__name__)


def refresh_models(*, now: datetime) -> int:
    """Renew every model whose plan says how and that has not seen everything; return how many."""
    if not can_train():
        return 0
    plans = [plan for plan in planned().values() if plan.refresh]
    return sum(_is_renewed(plan, now=now) for plan in plans)


def _is_renewed(plan: Plan, *, now: datetime) -> bool:
    version = serving(plan.name)
    if version is None:
        return False
    try:
        if problem := artefact_problem(version):
            raise ServesNoMore(problem)
        return _renew(plan, version, now=now)
    except OperationalError:  # a server that restarts
        raise
    except (PersonalizationError, *FAILURES) as error:
        metrics.count("models.refresh_failed")
        logger.warning("%s was not refreshed: %s", version, error, extra={"action": "refresh"})
    return False


def _renew(plan: Plan, version: ModelVersion, *, now: datetime) -> bool:
    last = last_event()  # first: what is stored meanwhile is for the next time
    order = Order(
        plan=plan,
        since=now - plan.window,
        until=now,
        seed=version.seed,
        serving=version,
        progress=lambda share, words: None,
    )
    with one_thread():
        learned: Learned | None = import_string(plan.refresh)(order)
        if learned is None:
            return False
        content = learned.content()
    sha256 = hashlib.sha256(content).hexdigest()
    renew(
        version,
        content=content,
        sha256=sha256,
        since=learned.since,
        until=learned.until,
        last_event=last,
        rows=learned.rows,
    )
    return True
