"""A list that is not six times the same. Pure.

Maximal marginal relevance (Carbonell and Goldstein, SIGIR 1998): each position gets the item
with the greatest (1 − d) · relevance − d · similarity, where d is how much diversity counts,
relevance is the score as a share of the best one, and similarity that to the most similar item
above. Two items are as similar as the share of their categories and tags that both have (Jaccard).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from personalization.ml.serving.rerank import Candidate
from personalization.ml.serving.shelf import ShelfItem

#: More than any gain: of a category that is full, one comes only where nothing else is left.
_FULL = 10.0


def similarity(one: ShelfItem, other: ShelfItem) -> float:
    """Return how alike two items are, from 0 to 1."""
    common = len(one.marks & other.marks)
    return common / (len(one.marks) + len(other.marks) - common) if common else 0.0


def diversified(
    candidates: Sequence[Candidate],
    *,
    n: int,
    diversity: float,
    per_category: int = 0,
    above: Iterable[ShelfItem] = (),
) -> list[Candidate]:
    """Return `n` of the candidates, which are sorted by score, the best first.

    Of a category there are `per_category` at most (0: any number), as long as there is
    anything else. `above` are items that stand in the list already.
    """
    if not diversity and not per_category:
        return list(candidates[:n])
    row = _Row(candidates, diversity=diversity, per_category=per_category)
    for one in above:
        row.put(one)
    chosen: list[Candidate] = []
    for left in reversed(range(min(n, len(candidates)))):
        chosen.append(row.take())
        if left:  # after the last one nothing is chosen any more
            row.put(chosen[-1].item)
    return chosen


class _Row:
    """Candidates with what each of them would gain at the next position."""

    def __init__(
        self, candidates: Sequence[Candidate], *, diversity: float, per_category: int
    ) -> None:
        best = candidates[0].score if candidates and candidates[0].score > 0 else 1.0
        self._candidates = candidates
        self._left = list(range(len(candidates)))
        self._gains = [(1 - diversity) * one.score / best for one in candidates]
        self._likeness = [0.0] * len(candidates)
        self._bits: dict[str, int] = {}
        self._masks = [self._mask_of_new(one.item) for one in candidates] if diversity else []
        self._sizes = [len(one.item.marks) for one in candidates]
        self._diversity = diversity
        self._per_category = per_category
        self._counts: Counter[str] = Counter()

    def take(self) -> Candidate:
        """Take out the candidate that gains most; the first of equal ones."""
        at = max(self._left, key=self._gains.__getitem__)
        self._left.remove(at)
        return self._candidates[at]

    def put(self, item: ShelfItem) -> None:
        """Note that the item stands in the list."""
        if self._diversity:
            self._lower(item)
        if self._per_category and item.category:
            self._counts[item.category] += 1
            if self._counts[item.category] == self._per_category:
                for at in self._left:
                    if self._candidates[at].item.category == item.category:
                        self._gains[at] -= _FULL

    def _lower(self, item: ShelfItem) -> None:
        """Lower what those gain that are more like this item than like any one before."""
        mask, size = self._mask(item), len(item.marks)
        masks, sizes, likeness = self._masks, self._sizes, self._likeness
        for at in self._left:
            if common := mask & masks[at]:
                n = common.bit_count()
                alike = n / (size + sizes[at] - n)
                if alike > likeness[at]:
                    self._gains[at] -= self._diversity * (alike - likeness[at])
                    likeness[at] = alike

    def _mask_of_new(self, item: ShelfItem) -> int:
        """Return the marks of a candidate as bits: faster than sets. Those of marks that no
        candidate before had are new."""
        bits = self._bits
        mask = 0
        for mark in item.marks:
            bit = bits.get(mark)
            if bit is None:
                bit = bits[mark] = 1 << len(bits)
            mask |= bit
        return mask

    def _mask(self, item: ShelfItem) -> int:
        """Return the marks of any item that candidates have, as bits."""
        mask = 0
        for mark in item.marks:
            mask |= self._bits.get(mark, 0)
        return mask
