"""Later shares of visitors: ever more of them, each from an instant on. Pure."""

from __future__ import annotations

from datetime import datetime
from math import isfinite
from typing import Any

from django.utils.translation import gettext as _

from personalization.experiments.wording import percent


def ramp_problem(ramp: Any, *, coverage: float) -> str:
    """Return what is wrong with later shares of visitors; empty: nothing."""
    if (steps := ramp_steps(ramp)) is None:
        return _("Each step is an instant with its time zone, and a share of the visitors.")
    before, share_before = None, coverage
    for at, share in steps:
        if before is not None and at <= before:
            words = _("%(at)s does not come after %(before)s: write the steps in their order.")
            return words % {"at": at.isoformat(" ", "minutes"), "before": before.isoformat(" ", "minutes")}  # fmt: skip
        if not share_before <= share <= 1:
            words = _(
                "%(share)s is not between %(before)s, the share before it, and 100 %%: "
                "whoever is in it stays in it."
            )
            return words % {"share": percent(share), "before": percent(share_before)}
        before, share_before = at, share
    return ""


def ramp_steps(ramp: Any) -> list[tuple[datetime, float]] | None:
    """Return the steps of a ramp; None where that is not what it says."""
    steps = []
    if not isinstance(ramp, list | tuple):
        return None
    for step in ramp:
        match step:
            case [str(said), int() | float() as share] if not isinstance(share, bool):
                at = _instant(said)
                if at is None or not isfinite(share):
                    return None
                steps.append((at, float(share)))
            case _:
                return None
    return steps


def _instant(said: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(said)
    except ValueError:
        return None
    return at if at.tzinfo else None
