"""Where the scores and stages of shipped features begin, as the settings say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from personalization.conf import Settings, settings
from personalization.exceptions import SettingError

_NAME = "PERSONALIZATION_FEATURE_THRESHOLDS"
#: What a condition may count up to, and the longest span of days that one may look back.
_MOST = {"days": 36_500, "times": 1000, "amount": 1_000_000_000}


@dataclass(frozen=True)
class Scale:
    """What the numbers of one feature are, in their order: `days`, `times` or an `amount`."""

    units: tuple[str, ...]
    #: Each must be more than the one before.
    rising: bool = True


SCALES: Mapping[str, Scale] = {
    "rfm.recency": Scale(("days",) * 4),
    "rfm.frequency": Scale(("times",) * 4),
    "rfm.monetary": Scale(("amount",) * 4),
    "engagement.class": Scale(("days", "times", "times"), rising=False),
    "lifecycle.stage": Scale(("days",) * 3),
}


def thresholds() -> Mapping[str, Sequence[float]]:
    """Return the thresholds of every shipped feature; as shipped where the settings say none.

    :raises SettingError: if one cannot be used.
    """
    named = settings.FEATURE_THRESHOLDS
    if problem := problem_with(named):
        raise SettingError(problem)
    return {**shipped(), **named}


def shipped() -> Mapping[str, Sequence[float]]:
    return Settings.FEATURE_THRESHOLDS


def problem_with(named: Mapping[str, Sequence[float]]) -> str:
    """Return what is wrong with thresholds by feature, or an empty string."""
    for name, values in named.items():
        scale = SCALES.get(name)
        if scale is None:
            return f"{_NAME} names {name!r}; allowed: {', '.join(SCALES)}."
        if not isinstance(values, list | tuple) or len(values) != len(scale.units):
            return f"{_NAME}: {name} is {values!r}; {len(scale.units)} numbers are needed."
        for value, unit in zip(values, scale.units, strict=True):
            if not _is_usable(value, unit):
                return f"{_NAME}: {name} is {values!r}; {value!r} is no {_WANTED[unit]}."
        if scale.rising and any(one >= other for one, other in pairwise(values)):
            return f"{_NAME}: {name} is {values!r}; each number must be more than the one before."
    return ""


_WANTED = {
    "days": f"whole number of days from 1 to {_MOST['days']}",
    "times": f"whole number from 1 to {_MOST['times']}",
    "amount": f"number above 0, up to {_MOST['amount']}",
}


def _is_usable(value: object, unit: str) -> bool:
    if isinstance(value, bool) or not isinstance(value, int if unit != "amount" else int | float):
        return False
    return 0 < value <= _MOST[unit]
