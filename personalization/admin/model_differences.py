"""What two versions do not share, by names and in figures that people know."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from typing import Final

from django.template.defaultfilters import floatformat
from django.utils import timezone
from django.utils.formats import date_format

from personalization.ml.training.figure_names import path_words
from personalization.ml.training.versions import Difference, Told

#: What the last look found is of a day, and not of a version.
_OF_DRIFT: Final = "metrics.drift_"


def named(differences: Iterable[Difference]) -> list[Difference]:
    """Return the differences as the rest of the page writes them; without those that are too
    small to be seen there."""
    return list(_named(differences))


def _named(differences: Iterable[Difference]) -> Iterator[Difference]:
    for each in differences:
        one, other = _written(each.one), _written(each.other)
        if one != other and not each.what.startswith(_OF_DRIFT):
            yield replace(each, what=path_words(each.what), one=one, other=other)


def _written(value: Told) -> str:
    if isinstance(value, datetime):
        return date_format(timezone.localtime(value), "j M Y, H:i")
    return value if isinstance(value, str) else floatformat(value, -4)
