"""What a version chose, for its page: engines with their weights, or the predictor that did best."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from personalization.admin.figures import rounded
from personalization.ml.models import ModelVersion
from personalization.ml.training.insides import (
    BestInsides,
    NoInsides,
    StackInsides,
    has_insides,
    insides_of,
)
from personalization.types import JsonObject

#: What is done with scores that they are true.
_CALIBRATIONS: Final = {
    "none": gettext_lazy("Its probabilities are used as they are: they were true enough."),
    "isotonic": gettext_lazy(
        "Its probabilities are made true by isotonic regression: steps that only rise."
    ),
    "sigmoid": gettext_lazy("Its probabilities are made true by a sigmoid (Platt scaling)."),
}


def chosen(version: ModelVersion) -> dict[str, Any]:
    """Return what the page of a version shows of what it chose; nothing of what chooses nothing."""
    if not has_insides(version):
        return {}
    try:
        found = insides_of(version)
    except NoInsides as error:
        return {"insides_problem": str(error)}
    return {"stack": _stack(found)} if isinstance(found, StackInsides) else {"best": _best(found)}


def _stack(found: StackInsides) -> Mapping[str, Any]:
    """Return the lengths in words, and a line for each engine: name, NDCG@20, whether that is
    more than popularity has, shares in percent, and its settings."""
    return {
        "found": found,
        "lengths": _ranges(found.lengths),
        "lines": [
            {
                "name": each.name,
                "ndcg": each.ndcg,
                "is_better": _is_more(each.ndcg, found.popularity),
                "shares": [_percent(share) for share in each.shares],
                "config": settings_words(each.config),
            }
            for each in found.engines
        ],
    }


def _best(found: BestInsides) -> Mapping[str, Any]:
    return {
        "found": found,
        "config": settings_words(found.config),
        "calibration": _CALIBRATIONS.get(found.calibration, found.calibration),
        "lines": [(each, settings_words(each.config)) for each in found.tried],
    }


def _ranges(lengths: Sequence[int]) -> list[str]:
    """Return the lengths as ranges: “1”, “2”, “3–4”, “20 and more”."""
    found = []
    for begin, following in zip(lengths, [*lengths[1:], None], strict=True):
        if following is None:
            found.append(_("%(n)s and more") % {"n": begin})
        else:
            found.append(str(begin) if following == begin + 1 else f"{begin}–{following - 1}")
    return found


def _percent(share: float) -> str:
    """Return a share in percent; a little is not nothing."""
    if not share:
        return "–"
    return f"{rounded(100 * share, 0)} %" if share >= 0.005 else "< 1 %"


def _is_more(one: float | None, other: float | None) -> bool:
    return one is not None and other is not None and one > other


def settings_words(config: JsonObject) -> str:
    """Return a configuration in a line: “decay 0.5, factors 64”; what is in it once more, in
    brackets."""
    return ", ".join(
        f"{name.replace('_', ' ')} ({settings_words(value)})"
        if isinstance(value, Mapping)
        else f"{name.replace('_', ' ')} {_value(value)}"
        for name, value in sorted(config.items())
    )


def _value(value: object) -> str:
    if isinstance(value, list | tuple):
        return " ".join(_value(each) for each in value) or "–"
    return f"{value:g}" if isinstance(value, float) else str(value)
