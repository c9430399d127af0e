"""A few positions that are left to chance, so that a site learns of more than it shows. Pure.

Each position but the first shows, with probability `share`, one of the other candidates that may
stand there, each of them with the same probability, and else what would stand there anyway. A
candidate may stand there if of its category there are fewer in the rest of the list than there
may be at most.

A propensity is a probability given what stands above: the product of those of a list is the
probability of the list. With them what would have been clicked in another list can be estimated
without bias (inverse propensity scoring; Horvitz and Thompson, 1952).
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from personalization.ml.serving.rerank import Candidate
from personalization.ml.serving.shelf import ShelfItem


class Drawn(NamedTuple):
    """A candidate at its position, with the probability with which this one is shown there."""

    candidate: Candidate
    propensity: float = 1.0
    by_chance: bool = False


def explored(
    chosen: Sequence[Candidate],
    *,
    others: Sequence[Candidate],
    share: float,
    lot: str,
    per_category: int = 0,
    beside: Iterable[ShelfItem] = (),
) -> list[Drawn]:
    """Return `chosen`, some of it replaced by `others`; the same `lot` draws the same.

    Without a lot nothing is left to chance. Chance puts no category above `per_category` items
    (0: any number), those included that stand `beside` what was chosen.
    """
    if not lot or not share:
        return [Drawn(one) for one in chosen]
    draw = _draws(lot)
    left = _Left(others, per_category=per_category)
    for item in (*beside, *(one.item for one in chosen)):
        left.put(item)
    found: list[Drawn] = []
    for position, one in enumerate(chosen):
        if not position or not left.has_instead_of(one.item):
            found.append(Drawn(one))
        elif int.from_bytes(draw(str(position))) / 2**64 >= share:
            found.append(Drawn(one, 1 - share))
        else:
            open_ones = list(left.instead_of(one.item))
            # By the least draw of each: what is drawn stays when another one comes or goes.
            of_each = _draws(f"{lot}\n{position}")
            drawn = min(open_ones, key=lambda each: of_each(each.item.key))
            found.append(Drawn(drawn, share / len(open_ones), by_chance=True))
            left.take(drawn, instead_of=one.item)
    return found


class _Left:
    """Candidates that are not in the list, with how many of each category are."""

    def __init__(self, others: Sequence[Candidate], *, per_category: int) -> None:
        self._others = {one.item.key: one for one in others}
        self._most = per_category
        self._counts: Counter[str] = Counter()

    def put(self, item: ShelfItem) -> None:
        """Note that the item stands in the list."""
        self._counts[item.category] += 1

    def instead_of(self, item: ShelfItem) -> Iterator[Candidate]:
        """Yield those that may take the place of an item of the list, which makes room for one
        of its own category."""
        counts, most, left = self._counts, self._most, item.category
        for one in self._others.values():
            category = one.item.category
            if not most or not category or counts[category] - (category == left) < most:
                yield one

    def has_instead_of(self, item: ShelfItem) -> bool:
        return next(self.instead_of(item), None) is not None

    def take(self, drawn: Candidate, *, instead_of: ShelfItem) -> None:
        del self._others[drawn.item.key]
        self._counts[instead_of.category] -= 1
        self._counts[drawn.item.category] += 1


def _draws(lot: str) -> Callable[[str], bytes]:
    """Return what draws for a text eight bytes, evenly spread over lots: always the same for one
    of them."""
    begun = hashlib.blake2b(f"{lot}\n".encode(errors="replace"), digest_size=8)

    def draw(what: str) -> bytes:
        digest = begun.copy()
        digest.update(what.encode(errors="replace"))
        return digest.digest()

    return draw
