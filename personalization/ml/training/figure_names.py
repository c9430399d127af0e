"""What figures of versions are called where people read them, and what they say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from django.utils.translation import gettext_lazy as _

#: Key → name, and what it says.
_FIGURES: Final[Mapping[str, tuple[Any, Any]]] = {
    "ndcg_20": (_("NDCG@20"), _("how high up in a list of 20 stood what came next")),
    "hr_20": (_("hit rate@20"), _("how often what came next was in a list of 20")),
    "mrr_20": (_("MRR@20"), _("1 divided by the position of what came next, on average")),
    "coverage": (_("coverage"), _("share of all items that were in any list")),
    "auc": (_("AUC"), _("how often who converts is scored above who does not; by chance 0.5")),
    "ap": (_("average precision"), _("share of converters above each of them, on average")),
    "base_rate": (_("base rate"), _("share of all that converted")),
    "brier": (_("Brier score"), _("squared error of the probabilities; the lower the better")),
    "ece": (
        _("calibration error (ECE)"),
        _("how far probabilities are from what happens, on average; the lower the better"),
    ),
    "log_loss": (_("log loss"), _("surprise at what happened; the lower the better")),
    "f1": (_("F1"), _("precision and recall of choosing who has 0.5 or more")),
    "rows": (_("rows judged"), ""),
    "cases": (_("cases judged"), ""),
    "agreement": (
        _("agreement"), _("how far two trainings on visitors drawn anew make the same groups"),
    ),
    "groups": (_("groups"), ""),
    "silhouette": (_("silhouette"), _("how far groups are apart, from −1 to 1")),
    "davies_bouldin": (_("Davies–Bouldin index"), _("how far groups overlap; the lower the better")),
    "least_rule_f1": (
        _("F1 of the least exact rule"), _("how well the rule of a group finds its members"),
    ),
    "kept_ids": (
        _("kept their group"), _("share of those who stayed together whose group has its name still"),
    ),
    "lift": (
        _("lift"), _("how many times as likely the goal is after the sequences, on unseen people"),
    ),
    "next_step": (
        _("next step told"), _("how often the likeliest next step was the right one, of unseen people"),
    ),
    "patterns": (_("sequences that lead to the goal"), ""),
    "drop_outs": (_("sequences that end before it"), ""),
    "drift_psi": (_("drift since the training (PSI)"), _("of what moved furthest")),
    "drift_ks": (_("drift since the training (KS)"), _("of what moved furthest")),
    "drift_slow_psi": (_("drift since long before (PSI)"), _("of what moved furthest")),
    "drift_ece": (_("calibration error now"), _("of what was said of late and is known by now")),
}  # fmt: skip
#: Who is beside.
_OTHERS: Final[Mapping[str, Any]] = {
    "serving": _("the version that served"),
    "stable": _("needed"),
    "usual": _("the most usual step"),
}
_METRICS = "metrics."


def name_of(key: str) -> str:
    """Return what a figure is called; one that is not shipped, as its recipe calls it."""
    return str(_FIGURES[key][0]) if key in _FIGURES else key.replace("_", " ")


def meaning_of(key: str) -> str:
    """Return what a figure says, in a few words; empty if its name does."""
    return str(_FIGURES[key][1]) if key in _FIGURES else ""


def other_of(who: str) -> str:
    """Return who reached the figure beside it."""
    return str(_OTHERS.get(who, who))


def path_words(path: str) -> str:
    """Return what is different between two versions, if it is a figure by its name:
    “metrics.popularity.ndcg_20” is “NDCG@20, popularity”."""
    if not path.startswith(_METRICS):
        return path
    who, dot, key = path.removeprefix(_METRICS).rpartition(".")
    return f"{name_of(key)}, {other_of(who)}" if dot else name_of(key)
