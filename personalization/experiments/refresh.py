"""Compute anew what is found about experiments and holdouts, where something happened since.

Nothing here imports what computes: web processes, and sites without numpy and scipy, know of
findings all the same.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from importlib.util import find_spec
from typing import Final

from django.utils.module_loading import import_string
from django.utils.translation import gettext_noop

from personalization import metrics
from personalization.events.catalogue import RECOMMENDATION_SHOWN, SLOT_SHOWN
from personalization.events.models import Event
from personalization.experiments.models import Experiment, Finding

logger = logging.getLogger(__name__)

#: By its dotted path: it imports numpy and scipy, which the extra `ml` brings.
_WORK: Final = "personalization.experiments.findings.refresh"
#: What a finding says where nothing can be computed.
MISSING: Final = gettext_noop(
    "Nothing can be computed without numpy and scipy: pip install personalization[ml]."
)


def can_compute() -> bool:
    """Return whether what computes is installed."""
    return all(find_spec(name) is not None for name in ("numpy", "scipy"))


def refresh_findings(*, now: datetime) -> int:
    """Compute what is due, each subject by itself; return how many findings were written.

    What fails is told by its finding, which keeps what was found before.
    """
    if not can_compute():
        return _tell_missing(now)
    work: Callable[..., int] = import_string(_WORK)
    return work(now=now)


def is_needed() -> bool:
    """Return whether there is anything to compute, or to be said of why that cannot be (two
    queries at most)."""
    if not can_compute():
        said = Finding.objects.filter(error=MISSING).values_list("subject", flat=True)
        running = Experiment.objects.running().values_list("slug", flat=True)
        return bool({f"experiment:{slug}" for slug in running}.difference(said))
    started = Experiment.objects.exclude(started_at=None)
    shown = Event.objects.filter(name__in=(SLOT_SHOWN, RECOMMENDATION_SHOWN))
    return started.exists() or shown.exists()


def _tell_missing(now: datetime) -> int:
    """Say of every experiment that runs why nothing is found about it."""
    metrics.count("experiments.not_computed")
    logger.warning(MISSING, extra={"action": "experiments_not_computed"})
    for slug in Experiment.objects.running().values_list("slug", flat=True):
        Finding.objects.update_or_create(
            subject=f"experiment:{slug}",
            defaults={"error": MISSING},
            create_defaults={"error": MISSING, "computed_at": now, "until": now},
        )
    return 0
