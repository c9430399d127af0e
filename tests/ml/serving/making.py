"""Items, lists and scorers as tests of serving make them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from personalization.ml.history import History
from personalization.ml.serving.popular import Popular
from personalization.ml.serving.recommend import Recommendation
from personalization.ml.serving.rerank import Candidate
from personalization.ml.serving.shelf import ShelfItem


def item(key: str, **fields: Any) -> ShelfItem:
    return ShelfItem(key=key, title=f"The {key}", **fields)


def candidates(*pairs: tuple[ShelfItem, float]) -> list[Candidate]:
    return [Candidate(one, score) for one, score in pairs]


def keys(found: Iterable[Recommendation | Candidate]) -> list[str]:
    return [one.item.key for one in found]


def famous(*names: str) -> Popular:
    """Return a list that is popular in this order."""
    ranked = tuple((name, 1 / (at + 1)) for at, name in enumerate(names))
    return Popular(ranked, dict(ranked))


@dataclass
class Ranked:
    """A ranking by given scores."""

    scores: Mapping[str, float]

    def best(self, n: int) -> Sequence[tuple[str, float]]:
        return self.best_of(self.scores, n)

    def best_of(self, keys: Iterable[str], n: int) -> Sequence[tuple[str, float]]:
        known = [(key, self.scores[key]) for key in keys if self.scores.get(key)]
        return sorted(known, key=lambda pair: (-pair[1], pair[0]))[:n]


@dataclass
class ByLast:
    """A scorer that goes by the last step: what each item leads to, with scores."""

    leads: Mapping[str, Mapping[str, float]]
    version: int = 7
    asked: list[History] = field(default_factory=list)

    def ranking(self, history: History) -> Ranked | None:
        self.asked.append(history)
        led = self.leads.get(history.items[-1])
        return Ranked(led) if led else None

    def similar(self, item: str) -> Mapping[str, float]:
        return self.leads.get(item, {})
