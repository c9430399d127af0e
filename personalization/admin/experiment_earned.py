"""What a content, a slot or a segment earned, in words: from what is found about its holdout."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from django.utils.translation import gettext as _

from personalization.admin.experiment_numbers import (
    between,
    between_words,
    change,
    signed_number,
)
from personalization.admin.experiment_words import is_trusted, primary_of
from personalization.experiments.models import Finding
from personalization.experiments.results import LEAST_UNITS, Comparison, Result, Verdict
from personalization.experiments.told import result_in
from personalization.experiments.trial import SHOWN


@dataclass(frozen=True, slots=True, kw_only=True)
class Earned:
    """The sentence about it, and what it says: of what is not known, nothing."""

    sentence: str
    verdict: Verdict = "too_few"
    gained: float | None = None
    #: What it is measured by.
    metric: str = ""
    lift: str = ""
    between: str = ""


def earned_of(result: Result | None) -> Earned:
    """Return what is earned by the metric that decides. Pure."""
    if result is None:
        return Earned(sentence=_("Nothing is counted yet."))
    if not is_trusted(result):
        return Earned(sentence=_("The numbers cannot be trusted."))
    metric = primary_of(result)
    found = next((one for one in metric.comparisons if one.arm == SHOWN), None) if metric else None
    if metric is None or found is None:
        return Earned(sentence=_("No goal says what is earned."))
    if found.verdict == "too_few":
        return Earned(sentence=_missing(result), metric=metric.name)
    return Earned(
        sentence=_sentence(found),
        verdict=found.verdict,
        gained=found.gained,
        metric=metric.name,
        lift=change(found.lift) if found.lift is not None else "",
        between=between(found) if found.lift is not None else "",
    )


def earned_by(subjects: Collection[str]) -> dict[str, Earned]:
    """Return what was earned by subjects, as `Finding` calls them, as far as something is found
    about them (one query)."""
    rows = Finding.objects.filter(subject__in=subjects)
    return {row.subject: earned_of(result_in(row)) for row in rows}


def _missing(result: Result) -> str:
    few = min(result.units, default=0)
    words = _("Too few: %(n)s visitors more, of those held out or those who see it.")
    return words % {"n": max(1, LEAST_UNITS - few)}


def _sentence(found: Comparison) -> str:
    if found.gained is None:
        return _("No difference is known.")
    told = {
        "gained": signed_number(found.gained),
        "between": between_words(found.gained_interval, signed_number),
    }
    if found.verdict == "unclear":
        return _("not sure yet: %(gained)s so far (%(between)s)") % told
    if found.gained < 0:
        return _("%(gained)s so far, a loss (%(between)s)") % told
    return _("earned %(gained)s so far (%(between)s)") % told
