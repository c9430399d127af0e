"""The figures of a version as a table: each with what others reached beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from personalization.ml.training.decisions import without_decisions
from personalization.ml.training.figure_names import meaning_of, name_of, other_of

#: What shipped models are judged by; of those that have several figures, these come first.
JUDGED_BY = ("ndcg_20", "ap", "agreement", "lift")
#: What is told of a version in a few words, where it has one of these.
_TOLD_BY = ("ndcg_20", "auc", "agreement", "lift")


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A figure such as “ndcg_20”; `beside` has that of “popularity”, “serving” and the like."""

    name: str
    value: float | None = None
    beside: Mapping[str, float] = field(default_factory=dict)

    @property
    def label(self) -> str:
        return name_of(self.name)

    @property
    def meaning(self) -> str:
        return meaning_of(self.name)

    @property
    def others(self) -> Mapping[str, float]:
        """Who reached what beside it, by their names for people."""
        return {other_of(who): value for who, value in self.beside.items()}

    def words(self) -> str:
        """Return the figure for people: “NDCG@20 0.38 (popularity 0.21)”."""
        value = "–" if self.value is None else f"{self.value:.2f}"
        others = ", ".join(f"{who} {each:.2f}" for who, each in self.others.items())
        return f"{self.label} {value} ({others})" if others else f"{self.label} {value}"

    def __str__(self) -> str:
        value = "–" if self.value is None else f"{self.value:.4f}"
        others = ", ".join(f"{who} {each:.4f}" for who, each in self.beside.items())
        return f"{self.name} {value} ({others})" if others else f"{self.name} {value}"


def figures(metrics: Mapping[str, float]) -> Sequence[Figure]:
    """Return the figures of `metrics`, in which “popularity.ndcg_20” stands beside “ndcg_20”;
    what versions are judged by comes first, then what is compared. No order of keys counts: databases keep none.
    What thresholds mean stands on a page of its own."""
    beside: dict[str, dict[str, float]] = {}
    metrics = without_decisions(metrics)
    for key in sorted(metrics):
        who, dot, name = key.partition(".")
        if dot:
            beside.setdefault(name, {})[who] = metrics[key]
        else:
            beside.setdefault(key, {})
    found = [
        Figure(name=name, value=metrics.get(name), beside=others) for name, others in beside.items()
    ]
    return sorted(found, key=_place)


def _place(figure: Figure) -> tuple[bool, bool, str]:
    return figure.name not in JUDGED_BY, not figure.beside, figure.name


def judged_by(metrics: Mapping[str, float]) -> Figure | None:
    """Return the figure that a version is judged by; None if it was not validated."""
    return next((figure for figure in figures(metrics) if figure.value is not None), None)


def headline_words(metrics: Mapping[str, float]) -> str:
    """Return the figure that says most to people, in a few words: “AUC 0.86”."""
    found = {figure.name: figure for figure in figures(metrics) if figure.value is not None}
    told = next((found[name] for name in _TOLD_BY if name in found), judged_by(metrics))
    return told.words() if told else "–"


def headline(metrics: Mapping[str, float]) -> str:
    """Return the figure that a version is judged by, in a few words."""
    return str(judged_by(metrics) or "–")
