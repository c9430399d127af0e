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
    shown = list(above)
    counts = Counter(one.category for one in shown if one.category)
    left = list(candidates)
    best = max((one.score for one in left), default=0.0) or 1.0
    likeness = [max((similarity(one.item, each) for each in shown), default=0.0) for one in left]
    chosen: list[Candidate] = []
    while left and len(chosen) < n:
        open_ones = range(len(left))
        if per_category:
            within = [at for at in open_ones if counts[left[at].item.category] < per_category]
            open_ones = within or open_ones  # type: ignore[assignment]
        at = max(
            open_ones,
            key=lambda at: (1 - diversity) * left[at].score / best - diversity * likeness[at],
        )
        picked = left.pop(at)
        likeness.pop(at)
        chosen.append(picked)
        if picked.item.category:
            counts[picked.item.category] += 1
        marks = picked.item.marks
        for number, one in enumerate(left):
            if not marks.isdisjoint(one.item.marks):
                likeness[number] = max(likeness[number], similarity(picked.item, one.item))
    return chosen
