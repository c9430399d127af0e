"""How long stays last, where some of them are not over."""

from __future__ import annotations

from collections.abc import Iterable

from personalization.types import Microseconds


def median_length(lengths: Iterable[tuple[Microseconds, bool]]) -> Microseconds | None:
    """Return the length that half of the stays reach; of each it is said whether it is over.

    The product-limit estimate: one that still goes on counts for as long as it is known
    to last (E. L. Kaplan, P. Meier, JASA 53, 1958). None: half of them go on, or more.
    """
    known = sorted(lengths, key=lambda each: (each[0], not each[1]))
    surviving, at_risk = 1.0, len(known)
    for length, over in known:
        if over:
            surviving *= (at_risk - 1) / at_risk
            # Half of an even number is reached exactly, but not in doubles.
            if surviving <= 0.5 + 1e-12:
                return length
        at_risk -= 1
    return None
