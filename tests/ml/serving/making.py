"""Items, lists and scorers as tests of serving make them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from personalization.ml.history import History
from personalization.ml.serving.popular import Popular, in_order
from personalization.ml.serving.recommend import Recommendation
from personalization.ml.serving.rerank import Candidate, Listing
from personalization.ml.serving.shelf import ShelfItem


def item(key: str, **fields: Any) -> ShelfItem:
    return ShelfItem(key=key, title=f"The {key}", **fields)


def candidates(*pairs: tuple[ShelfItem, float]) -> list[Candidate]:
    return [Candidate(one, score) for one, score in pairs]


def keys(found: Iterable[Recommendation | Candidate]) -> list[str]:
    return [one.item.key for one in found]


def famous(*names: str) -> Popular:
    """Return a list that is popular in this order."""
    return in_order({name: 1 / (at + 1) for at, name in enumerate(names)})


@dataclass(frozen=True, eq=False)
class Said(Popular):
    """What a model says of a history, all of it because of the items of the history."""

    leads: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    def share_of(self, key: str) -> float:
        return 1.0 if key in self.scores else 0.0

    def led_by(self, item: str) -> Mapping[str, float]:
        return self.leads.get(item, {})


@dataclass
class ByLast:
    """A scorer that goes by the last step: what each item leads to, with scores."""

    leads: Mapping[str, Mapping[str, float]]
    version: int = 7
    asked: list[History] = field(default_factory=list)

    def ranking(self, history: History, listing: Listing, *, about: bool = False) -> Said | None:
        self.asked.append(history)
        led = self.leads.get(history.items[-1])
        if not led:
            return None
        weighed = listing.weighed(in_order(led))
        return Said(weighed.ranked, weighed.scores, leads=self.leads)
