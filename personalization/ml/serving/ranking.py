"""What lists are made of: items in an order, by all that is popular or by what a model says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from typing import Final, Protocol

from personalization.ml.history import History
from personalization.ml.serving.rerank import Listing

#: How much what a page is about counts by itself, beside the whole history that it ends: more than
#: all that, so that what a visitor likes besides comes behind.
ABOUT: Final = 2.0


class Ranking(Protocol):
    """Items that may be listed from the best to the worst, with scores above 0."""

    def best(self, n: int, *, without: Set[str] = frozenset()) -> Sequence[tuple[str, float]]: ...

    def best_of(self, keys: tuple[str, ...], n: int) -> Sequence[tuple[str, float]]: ...


class Personal(Ranking, Protocol):
    """What a model makes of a history, and what of it made it so."""

    def share_of(self, key: str) -> float:
        """Return what share of an item's score the history accounts for (0 to 1); the rest is
        what everybody gets."""

    def led_by(self, item: str) -> Mapping[str, float]:
        """Return the items to whose scores an item of the history adds, with how much, weighed
        as the history is."""


class Scorer(Protocol):
    """A model that serves."""

    version: int

    def ranking(
        self, history: History, listing: Listing, *, about: bool = False
    ) -> Personal | None:
        """Return what may be listed by what the model says; None if it says nothing of what is
        in this history. With `about`, the list is about the item of the last step: it counts once
        as all others do, and `ABOUT` times as much by itself."""
