"""A few positions that are left to chance, so that a site learns of more than it shows. Pure.

Each position but the first shows, with probability `share`, one of the other candidates, each
of them with the same probability, and else what would stand there anyway. With these
probabilities (propensities) what would have been clicked in another list can be estimated
without bias (inverse propensity scoring; Horvitz and Thompson, 1952).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

from personalization.ml.serving.rerank import Candidate


class Drawn(NamedTuple):
    """A candidate at its position, with the probability with which this one is shown there."""

    candidate: Candidate
    propensity: float = 1.0
    by_chance: bool = False


def explored(
    chosen: Sequence[Candidate], *, others: Sequence[Candidate], share: float, lot: str
) -> list[Drawn]:
    """Return `chosen`, some of it replaced by `others`; the same `lot` draws the same.

    Without a lot nothing is left to chance.
    """
    found: list[Drawn] = []
    left = {one.item.key: one for one in others}
    for position, one in enumerate(chosen):
        if position == 0 or not lot or not share or not left:
            found.append(Drawn(one))
        elif _draw(lot, str(position)) >= share:
            found.append(Drawn(one, 1 - share))
        else:
            # By the least draw of each: what is drawn stays when another one comes or goes.
            key = min(left, key=lambda key: _draw(lot, f"{position}\n{key}"))
            found.append(Drawn(left[key], share / len(left), by_chance=True))
            del left[key]
    return found


def _draw(lot: str, what: str) -> float:
    """Return a number in [0, 1), evenly spread over lots: always the same for one of them."""
    digest = hashlib.blake2b(f"{lot}\n{what}".encode(errors="replace"), digest_size=8).digest()
    return int.from_bytes(digest) / 2**64
