"""Numbers of experiments in words: changes with their sign, and as many digits as are known."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from django.utils.formats import number_format
from django.utils.translation import gettext as _

from personalization.admin.figures import rounded
from personalization.experiments.models import Metric
from personalization.experiments.results import Comparison, Interval

_Kind = Metric.Kind
#: Metrics that are a share of visitors or of times.
SHARES: Final = frozenset({_Kind.CONVERSION, _Kind.CLICK_THROUGH, _Kind.BOUNCE, _Kind.RETURN_VISIT})


def between(found: Comparison) -> str:
    """Return where the difference lies: “between +4 % and +20 %”."""
    if found.lift is not None and found.lift_interval is not None:
        return between_words(found.lift_interval, change)
    return between_words(found.interval, signed)


def between_words(interval: Interval | None, say: Callable[[float], str]) -> str:
    if interval is None or (interval.low is None and interval.high is None):
        return _("anywhere")
    if interval.low is None:
        return _("at most %(high)s") % {"high": say(interval.high or 0.0)}
    if interval.high is None:
        return _("at least %(low)s") % {"low": say(interval.low)}
    return _("between %(low)s and %(high)s") % {
        "low": say(interval.low),
        "high": say(interval.high),
    }


def number(n: float) -> str:
    return number_format(round(n), force_grouping=True)


def plain(value: float) -> str:
    """Return a number with three digits that count."""
    size = abs(value)
    digits = 0 if size >= 100 else 1 if size >= 10 else 2 if size >= 0.1 or not size else 4
    return number_format(round(value, digits), digits, force_grouping=True)


def signed(value: float) -> str:
    """Return a number with its sign, and a true minus."""
    sign = "+" if value > 0 else "−" if value < 0 else "±"
    return f"{sign}{plain(abs(value))}"


def signed_number(value: float) -> str:
    sign = "+" if round(value) > 0 else "−" if round(value) < 0 else "±"
    return f"{sign}{number(abs(value))}"


def change(share: float, *, signed: bool = True) -> str:
    """Return a share as a change in percent: “+12 %”."""
    percent = 100 * share
    if abs(percent) < 1e-9:
        return "0 %"
    digits = 0 if abs(percent) >= 10 else 1
    shown = round(percent, digits)
    if shown == int(shown):
        digits = 0
    text = number_format(abs(shown), digits, force_grouping=True)
    if not signed:
        return f"{text} %"
    return f"{'+' if shown > 0 else '−' if shown < 0 else '±'}{text} %"


def level(value: float | None, kind: str) -> str:
    """Return what a metric is in an arm."""
    if value is None:
        return _("too few")
    if kind in SHARES:
        return f"{rounded(100 * value, 2)} %"
    return plain(value)


def chance(share: float | None) -> str:
    """Return a chance in percent; none is quite sure."""
    if share is None:
        return "–"
    if share > 0.999:
        return f"> {number_format(99.9, 1)} %"
    if share < 0.001:
        return f"< {number_format(0.1, 1)} %"
    return f"{rounded(100 * share, 1)} %"
