"""How often what a slot shows was shown and clicked of late, from the log of events."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import OperationalError
from django.db.models import Count
from django.db.models.fields.json import KT

from personalization.admin.bounded import bounded
from personalization.admin.wording import share_words
from personalization.events.catalogue import SLOT_CLICKED, SLOT_SHOWN
from personalization.events.models import Event

DAYS = 7
#: What takes longer is left out: the page of a slot is there for more than its figures.
_MILLISECONDS = 1500


@dataclass(frozen=True, kw_only=True)
class Figures:
    """Of the last `DAYS` days."""

    shown: int = 0
    clicked: int = 0

    @property
    def rate(self) -> str:
        return share_words(self.clicked, self.shown)


def figures_of(slot: str, *, now: datetime) -> Mapping[str, Figures] | None:
    """Return the figures by the key of what was shown, in one query; None: it took too long.

    What a slot showed along with others counts for each of them.
    """
    rows = (
        Event.objects.filter(
            name__in=(SLOT_SHOWN, SLOT_CLICKED),
            timestamp__gte=now - timedelta(days=DAYS),
            timestamp__lte=now,
            properties__slot=slot,
        )
        .order_by()
        .values_list("name", KT("properties__variation"))
        .annotate(n=Count("pk"))
    )
    try:
        with bounded(_MILLISECONDS):
            found = list(rows)
    except OperationalError:
        return None
    counts: Counter[tuple[str, str]] = Counter()
    for name, variation, n in found:
        for key in (variation or "").split("+"):
            counts[name, key] += n
    return {
        key: Figures(shown=counts[SLOT_SHOWN, key], clicked=counts[SLOT_CLICKED, key])
        for _, key in counts
        if key
    }
