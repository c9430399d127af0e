"""What other ways to divide visitors would have earned, as it is found from the log."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.utils.translation import gettext as _

from personalization.admin.experiment_numbers import between_words, change, level, number
from personalization.admin.experiment_words import Names
from personalization.experiments.models import Experiment, Finding
from personalization.experiments.results import Interval

_ALWAYS: Final = "always:"


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyLine:
    """A policy: what a visitor brings under it, and how much of the log tells so."""

    name: str
    value: str
    between: str
    visitors: str
    clipped: str


def policies_of(experiment: Experiment, names: Names, *, kind: str) -> list[PolicyLine]:
    """Return what is found of each policy, by the metric of that kind (one query)."""
    finding = Finding.objects.filter(subject=f"policies:{experiment.slug}").first()
    content = finding.content if finding is not None else {}
    told = content.get("policies") if isinstance(content, Mapping) else None
    if not isinstance(told, list):
        return []
    known = [one for one in told if isinstance(one, Mapping)]
    return [line for one in known if (line := _line(one, names, kind)) is not None]


def _line(told: Mapping[str, Any], names: Names, kind: str) -> PolicyLine | None:
    """Return a policy as a line: by the doubly robust estimate, or the next that there is."""
    name = _name(str(told.get("policy", "")), names)
    effective = told.get("effective_units")
    if not name or not isinstance(effective, int | float):
        return None
    estimates = (told.get(which) for which in ("dr", "snips", "ips"))
    found = next((one for one in estimates if isinstance(one, Mapping)), None)
    value, between = _("too few"), ""
    if found is not None:
        value = level(found["value"], kind)
        ends = Interval(found["low"], found["high"])
        between = between_words(ends, lambda each: level(each, kind))
    clipped = told.get("clipped")
    return PolicyLine(
        name=name,
        value=value,
        between=between,
        visitors=number(effective),
        clipped=change(clipped, signed=False) if isinstance(clipped, float) and clipped else "",
    )


def _name(policy: str, names: Names) -> str:
    if policy.startswith(_ALWAYS):
        return _("%(arm)s for everybody") % {"arm": names.of(policy.removeprefix(_ALWAYS))}
    return {
        "logged": _("as it was"),
        "shares": _("the shares of now"),
        "bandit": _("what suits each visitor, as of now"),
    }.get(policy, "")
