"""How much published counts may tell of anybody: the budget, and the ledger of what is spent.

What several reports tell of one person adds up (sequential composition): together they
spend the sum of their ε. An entry counts for a whole period from when it was made, so that no
span of that length ever tells more than the budget, wherever it begins.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from math import fsum, isfinite

from django.db import connection
from django.db.models import QuerySet
from django.utils.formats import number_format
from django.utils.translation import gettext as _

from personalization.conf import settings
from personalization.exceptions import PersonalizationError
from personalization.reports.models import BudgetEntry

#: The smallest ε of a report: with less, nothing but noise would be seen.
SMALLEST = 0.01
#: Sums of ε are exact to so many digits; what is beyond comes of floating point.
_DIGITS = 9
_LOCK = 0x707A5F6275646765  # “pz_budge”, as a number


class BudgetRefused(PersonalizationError):
    """The privacy budget does not allow this report."""


@dataclass(frozen=True, kw_only=True)
class Budget:
    """What may be spent in a period, and what of it is; `next_at` is when some comes back."""

    limit: float
    spent: float
    next_at: datetime | None = None

    @property
    def left(self) -> float:
        return max(0.0, round(self.limit - self.spent, _DIGITS))

    @property
    def is_exhausted(self) -> bool:
        return self.left < SMALLEST


def budget_at(now: datetime) -> Budget:
    """Return the budget as it stands (one query)."""
    entries = list(_counting(now).order_by("at").values_list("at", "epsilon"))
    return Budget(
        limit=settings.REPORT_BUDGET,
        spent=round(fsum(epsilon for _, epsilon in entries), _DIGITS),
        next_at=entries[0][0] + settings.REPORT_PERIOD if entries else None,
    )


def _counting(now: datetime) -> QuerySet[BudgetEntry]:
    return BudgetEntry.objects.filter(at__gt=now - settings.REPORT_PERIOD)


def afford(epsilon: float, *, now: datetime) -> None:
    """Do nothing if so much may be spent.

    :raises BudgetRefused: if it is no amount, or more than is left.
    """
    if not isfinite(epsilon) or epsilon < SMALLEST:
        raise BudgetRefused(
            _("ε is %(epsilon)s; it has to be %(smallest)s or more.")
            % {"epsilon": epsilon, "smallest": SMALLEST}
        )
    budget = budget_at(now)
    if round(epsilon, _DIGITS) > budget.left:
        raise BudgetRefused(
            _("ε is %(epsilon)s, and of %(limit)s for this period %(left)s is left.")
            % {
                "epsilon": shown(epsilon),
                "limit": shown(budget.limit),
                "left": shown(budget.left),
            }
        )


def shown(epsilon: float) -> str:
    """Return an amount as it is written."""
    return number_format(f"{epsilon:.4f}".rstrip("0").rstrip("."))


def hold_ledger() -> None:
    """Let nobody else spend until the transaction ends.

    SQLite needs nothing: of two transactions that read the ledger, one alone can write.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
