"""What most visitors do something with now, or with ever more of late: the same for everybody.

A visitor counts 2^(-age / half_life) for each item, from the last time they did something with
it. So who reloads a page a hundred times counts as one. It is the answer for whoever we know
nothing of, and the floor under every other model.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from personalization.ml.arrays import Doubles, Floats
from personalization.ml.base import Arrays, Config, Options, Recommender, algorithms
from personalization.ml.history import History
from personalization.ml.interactions import Dataset, Interactions
from personalization.ml.recommenders.matrix import keys, texts
from personalization.ml.unfit import UnfitData
from personalization.types import JsonObject

_HOUR = 3_600_000_000


@dataclass(frozen=True, kw_only=True)
class PopularityConfig(Config):
    #: Hours after which a visitor counts half.
    half_life: float = 168.0
    #: Half-life of what an item had before, which few recent visitors are evened out with.
    long_half_life: float = 2_160.0
    #: How many visitors of late are thought to have come as before, for evening out.
    smoothing: float = 5.0
    #: “most”: by how many visitors; “rising”: by how many times more than before.
    order: str = "most"

    bounds: ClassVar[Mapping[str, tuple[float, float]]] = {
        "half_life": (0.01, 1e6),
        "long_half_life": (0.01, 1e6),
        "smoothing": (0, 1e6),
    }
    choices: ClassVar[Mapping[str, tuple[str, ...]]] = {"order": ("most", "rising")}


@algorithms.register("popularity")
class Popularity(Recommender[PopularityConfig]):
    config_class = PopularityConfig

    #: n items; at most 1.
    _scores: Floats

    def fit(self, dataset: Dataset, options: Options) -> Self:
        interactions = dataset.interactions.in_favour()
        if not len(interactions):
            raise UnfitData("There is not one interaction to learn from; at least 1 is needed.")
        columns, at = _last_times(interactions)
        used, numbered = np.unique(columns, return_inverse=True)
        ages = np.maximum(dataset.until - at, 0) / _HOUR
        recent = _decayed(numbered, ages, half_life=self.config.half_life)
        before = _decayed(numbered, ages, half_life=self.config.long_half_life)
        self.items = tuple(interactions.items[index] for index in used)
        self._scores = self._scored(recent, before).astype(np.float32)
        return self

    def _scored(self, recent: Doubles, before: Doubles) -> Doubles:
        # How many of the recent visitors it had if its share of all were what it was before.
        expected = before * (recent.sum() / before.sum()) if before.sum() else before
        if self.config.order == "rising":
            # One is added, so that no item of one visitor is the most rising of all.
            evened = self.config.smoothing + 1
            scores = (recent + evened) / (expected + evened)
        else:
            shares = expected / expected.sum() if expected.sum() else expected
            scores = recent + self.config.smoothing * shares
        largest = float(scores.max())
        return scores / largest if largest > 0 else np.zeros_like(scores)

    def score(self, history: History) -> Floats:
        return self._scores.copy()

    def usual(self) -> Floats:
        return self._scores

    def arrays(self) -> Arrays:
        return {"items": texts(self.items), "scores": self._scores}

    def restore(self, arrays: Arrays, facts: JsonObject) -> None:
        self.items = keys(arrays["items"])
        self._scores = arrays["scores"]


def _last_times(rows: Interactions) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return for each pair of visitor and item the item, and when it was last."""
    pairs = rows.visitor.astype(np.int64) * len(rows.items) + rows.item
    # Rows are in order of time, so the first from behind is the last.
    found, places = np.unique(pairs[::-1], return_index=True)
    return found % len(rows.items), rows.at[::-1][places]


def _decayed(numbered: NDArray[np.int64], ages: Doubles, *, half_life: float) -> Doubles:
    counts = np.bincount(numbered, weights=np.exp2(-ages / half_life))
    return counts.astype(np.float64)
