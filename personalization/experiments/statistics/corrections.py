"""Several questions at once: p-values made larger, so that luck does not answer one of them.

Sources: Holm, “A simple sequentially rejective multiple test procedure” (Scandinavian Journal of
Statistics 1979), which holds whatever depends on what; Benjamini and Hochberg, “Controlling the
false discovery rate” (JRSS B 1995), for looking around.
"""

from __future__ import annotations

from collections.abc import Sequence


def holm(ps: Sequence[float]) -> list[float]:
    """Return the adjusted p of each: below α for a true null, of any, in α of cases."""
    n, adjusted, largest = len(ps), [1.0] * len(ps), 0.0
    for rank, place in enumerate(_ascending(ps)):
        largest = max(largest, min((n - rank) * ps[place], 1.0))
        adjusted[place] = largest
    return adjusted


def benjamini_hochberg(ps: Sequence[float]) -> list[float]:
    """Return the adjusted p of each: of those below α, a share of α is luck in the mean."""
    n, adjusted, smallest = len(ps), [1.0] * len(ps), 1.0
    for rank, place in reversed(list(enumerate(_ascending(ps), start=1))):
        smallest = min(smallest, n / rank * ps[place])
        adjusted[place] = smallest
    return adjusted


def _ascending(ps: Sequence[float]) -> list[int]:
    return sorted(range(len(ps)), key=ps.__getitem__)
