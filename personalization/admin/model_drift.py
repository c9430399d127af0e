"""What the last look at a version found, for its page: each column that it sees, and what it says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from django.utils.translation import gettext_lazy

from personalization.admin.wording import instant_words
from personalization.ml.models import ModelVersion
from personalization.ml.training.watched import Watched
from personalization.ml.verdicts import ColumnDrift

#: Verdict → how its mark looks, and what it says.
MARKS: Final = {
    "steady": ("fresh", gettext_lazy("steady")),
    "moved": ("pending", gettext_lazy("moved")),
    "drifted": ("broken", gettext_lazy("drifted")),
    "unknown": ("off", gettext_lazy("not known")),
}
_OF_DRIFT: Final = "drift_"


def last_look(version: ModelVersion) -> dict[str, Any]:
    """Return what the last look for drift found; nothing where nobody looked."""
    found = Watched.read(version)
    if found is None or not (found.columns or found.calibration):
        return {}
    return {
        "drift": {
            "at": instant_words(found.at),
            "columns": _marked(found.columns),
            "slow": _marked(found.slow.columns) if found.slow else [],
            "slow_since": found.slow.since if found.slow else None,
            "calibration": found.calibration.sentence() if found.calibration else "",
        }
    }


def without_drift(metrics: Mapping[str, float]) -> Mapping[str, float]:
    """Return the figures of the validation: what the last look found is told by itself."""
    return {key: value for key, value in metrics.items() if not key.startswith(_OF_DRIFT)}


def _marked(columns: Iterable[ColumnDrift]) -> list[tuple[ColumnDrift, tuple[str, Any]]]:
    return [(each, MARKS[each.verdict]) for each in columns]
