"""Shares as people read them. Pure."""

from __future__ import annotations

from django.utils.formats import number_format
from django.utils.translation import gettext as _

from personalization.experiments.bucketing import Range


def percent(share: float) -> str:
    """Return a share in percent, with as many digits as it needs, two at most."""
    rounded = round(100 * share, 2)
    digits = next(n for n in (0, 1, 2) if n == 2 or round(rounded, n) == rounded)
    return f"{number_format(rounded, digits)} %"


def range_words(held: Range) -> str:
    return _("%(start)s to %(end)s") % {"start": percent(held.start), "end": percent(held.end)}
