"""Publish counts: with noise, none of too few people, and only while the budget lasts.

The guarantee is (ε, δ)-differential privacy for each profile. The noise gives the ε: one
profile changes each count by one at most, all of them together by their number, which is what
the noise is made for. A count is shown only if the true one reaches the threshold, so that
none is ever of fewer, and the one with noise lies so far above it that no noise got it there,
except in `RISK` of all cases; whether it is shown then tells no more than that: δ.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import transaction

from personalization.conf import settings
from personalization.privacy.audit import note
from personalization.privacy.models import AuditEntry
from personalization.reports.budget import afford, hold_ledger
from personalization.reports.counting import Counted, count
from personalization.reports.definitions import Definition
from personalization.reports.models import BudgetEntry, Report
from personalization.reports.noise import UNCERTAINTY, Noisy, add_noise, need_noise, reach
from personalization.types import JsonObject

#: How likely noise alone may lift a count of too few over the threshold.
RISK = 1e-6


def publish(
    definition: Definition, *, title: str, epsilon: float, by: Any = None, now: datetime
) -> Report:
    """Count, spend ε of the budget and keep what may be shown; looking at it costs nothing.

    The draw is what spends, so there is none before the ledger has an entry for it: both
    are in one transaction, and of two that would spend the same rest one is refused.

    :raises NoNoise: without the extra.
    :raises BudgetRefused: when too little is left; nothing is spent then.
    :raises DefinitionRejected: for what cannot be counted; nothing is spent either.
    """
    need_noise()
    afford(epsilon, now=now)  # before anything is counted, which may take long
    counted = count(definition, now=now)
    with transaction.atomic():
        hold_ledger()
        afford(epsilon, now=now)
        report = _published(definition, counted, title=title, epsilon=epsilon, by=by, now=now)
        BudgetEntry.objects.create(report=report, epsilon=report.epsilon, at=now)
        note(
            AuditEntry.Action.PUBLISHED,
            actor=by,
            kind="report",
            name=title,
            number=report.pk,
            epsilon=report.epsilon,
        )
    return report


def _published(
    definition: Definition,
    counted: Sequence[Counted],
    *,
    title: str,
    epsilon: float,
    by: Any,
    now: datetime,
) -> Report:
    noisy = add_noise([each.n for each in counted], changes=definition.changes, epsilon=epsilon)
    threshold = settings.REPORT_THRESHOLD
    return Report.objects.create(
        kind=definition.kind,
        title=title,
        definition={
            **definition.as_json(),
            "scale": noisy.scale,
            "delta": RISK * len(counted),
        },
        epsilon=noisy.epsilon,
        threshold=threshold,
        rows=rows_of(counted, noisy, threshold=threshold),
        published_at=now,
        published_by=by,
    )


def rows_of(counted: Sequence[Counted], noisy: Noisy, *, threshold: int) -> list[JsonObject]:
    """Return what may be shown: a name, the count or nothing, and how far off it may be."""
    error = reach(noisy.scale, risk=UNCERTAINTY)
    least = least_shown(noisy.scale, threshold=threshold)
    return [
        {
            "name": each.name,
            "count": drawn if each.n >= threshold and drawn >= least else None,
            "error": error,
        }
        for each, drawn in zip(counted, noisy.counts, strict=True)
    ]


def least_shown(scale: float, *, threshold: int) -> int:
    """Return what a count has to come to with its noise to be shown."""
    # One direction is half of both.
    return threshold + reach(scale, risk=2 * RISK)
