"""What is like what a visitor looked at, by what it says: also what nobody has seen yet."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from personalization.ml.arrays import Floats, Indices
from personalization.ml.base import Config, Options, algorithms
from personalization.ml.interactions import Catalogue, Dataset
from personalization.ml.ranking import top
from personalization.ml.recommenders.by_items import ByItems
from personalization.ml.recommenders.neighbours import BLOCK, Neighbours, closeness, products
from personalization.ml.recommenders.terms import lengths_of_1, tfidf
from personalization.ml.unfit import UnfitData
from personalization.registry import Registry

#: Returns a row of numbers for each item of a catalogue (n items × any number).
Embedding: TypeAlias = Callable[[Catalogue], NDArray[Any]]

#: What a site has to say how close items are, beside their words:
#: `@embeddings.register("sentences")` over a function, and `embedding="sentences"` in the
#: configuration. Called when a model is fitted, never when it is asked.
embeddings: Registry[Embedding] = Registry("embedding")


@dataclass(frozen=True, kw_only=True)
class ContentConfig(Config):
    #: The closest that are kept for each item; all of them where there are no more.
    neighbours: int = 300
    #: Terms of each item that are looked at.
    terms: int = 300
    #: More items are not learned: time grows with their second power.
    max_items: int = 50_000
    #: Name of a registered embedding to compare by; empty: by words.
    embedding: str = ""

    bounds: ClassVar[Mapping[str, tuple[float, float]]] = {
        "neighbours": (1, 5_000),
        "terms": (1, 10_000),
        "max_items": (1, 1_000_000),
    }


@algorithms.register("content")
class Content(ByItems[ContentConfig]):
    """Sums up the likeness to each item of a history (cosine)."""

    config_class = ContentConfig

    def fit(self, dataset: Dataset, options: Options) -> Self:
        catalogue = dataset.catalogue
        if catalogue is None or not catalogue.items:
            raise UnfitData("There is no catalogue: nothing is known of what items are about.")
        if (n_items := len(catalogue.items)) > self.config.max_items:
            raise UnfitData(
                f"Texts of up to {self.config.max_items} items are compared here, not {n_items}."
            )
        options.progress(0.0, "reading texts")
        blocks = self._likeness(catalogue)
        options.progress(0.3, "comparing texts")
        self.become(catalogue.items, closeness(blocks, n_items=n_items, n=self.config.neighbours))
        return self

    def like(self, item: int) -> tuple[Indices, Floats]:
        """Return the items that are most like one, the most first, and how much (cosine)."""
        if isinstance(self.weights, Neighbours):
            return self.weights.neighbours[item], self.weights.weights[item]
        weights = self.weights.weights[item]
        order = top(weights, len(weights))
        return order, weights[order]

    def _likeness(self, catalogue: Catalogue) -> Iterator[Floats]:
        if not self.config.embedding:
            rows = tfidf(catalogue, terms=self.config.terms)
            return (block for _, block in products(rows, rows.T.tocsr()))
        embedding = embeddings.get(self.config.embedding)
        if embedding is None:
            there_are = ", ".join(embeddings.names()) or "none"
            raise UnfitData(
                f"There is no embedding “{self.config.embedding}”. There are: {there_are}."
            )
        return _cosines(
            _checked(embedding(catalogue), name=self.config.embedding, catalogue=catalogue)
        )


def _checked(rows: NDArray[Any], *, name: str, catalogue: Catalogue) -> Floats:
    rows = np.asarray(rows)
    if rows.ndim != 2 or len(rows) != len(catalogue.items):
        raise UnfitData(
            f"The embedding “{name}” has the shape {rows.shape}; "
            f"needed: a row for each of {len(catalogue.items)} items."
        )
    if not np.isfinite(rows).all():
        item = catalogue.items[int(np.argwhere(~np.isfinite(rows))[0, 0])]
        raise UnfitData(f"The embedding “{name}” of “{item}” is not of finite numbers.")
    return lengths_of_1(rows)


def _cosines(rows: Floats) -> Iterator[Floats]:
    for start in range(0, len(rows), BLOCK):
        part = rows[start : start + BLOCK]
        block: Floats = part @ rows.T
        block[np.arange(len(part)), np.arange(start, start + len(part))] = 0
        yield block
