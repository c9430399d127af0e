"""Whether visitors came into the arms in the shares that they should: if not, do not trust it.

Sources: Fabijan et al., “Diagnosing Sample Ratio Mismatch in Online Controlled Experiments”
(KDD 2019): Pearson's χ² and an alarm below 0.001; Lindon and Malek, “Anytime-Valid Inference for
Multinomial Count Data” (NeurIPS 2022) for one that may be looked at all the time.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Final, TypeVar

from scipy.special import gammaincc, gammaln

from personalization.experiments.statistics.corrections import holm

#: Below this p something is wrong.
ALARM: Final = 0.001
#: How sure, in units, `always_valid_shares_p` is of the shares before anybody came: as it is, it
#: sees most from some thousand units on, and is right with any.
_CONCENTRATION: Final = 300

Value = TypeVar("Value", bound=Hashable)


def shares_p(counts: Sequence[int], weights: Sequence[float]) -> float:
    """Return p of so many units in each arm, if each has its weight's share of them.

    1 where nobody is there, or fewer than two arms have a weight; arms without one are left
    out, since who is in them came when they had one.

    :raises ValueError: if there are not as many counts as weights.
    """
    seen, expected = _compared(counts, weights)
    if len(seen) < 2 or not sum(seen):
        return 1.0
    distance = sum((one - due) ** 2 / due for one, due in zip(seen, expected, strict=True))
    return float(gammaincc((len(seen) - 1) / 2, distance / 2))


def shares_by(
    counts: Mapping[Value, Sequence[int]],
    weights: Sequence[float],
    *,
    test: Callable[[Sequence[int], Sequence[float]], float] = shares_p,
) -> dict[Value, float]:
    """Return p for each value of a dimension, such as a device, adjusted for their number (Holm).

    `counts` are those of the arms by value. An alarm for one of them is as rare as for the
    whole.
    """
    found = [test(one, weights) for one in counts.values()]
    return dict(zip(counts, holm(found), strict=True))


def always_valid_shares_p(counts: Sequence[int], weights: Sequence[float]) -> float:
    """Return a p that may be looked at after every unit: it is below α, ever, in α of cases.

    Slower to see than `shares_p`: the price of looking all the time.
    """
    seen, expected = _compared(counts, weights)
    n = sum(seen)
    if len(seen) < 2 or not n:
        return 1.0
    shares = [due / n for due in expected]
    prior = [_CONCENTRATION * share for share in shares]
    evidence = float(gammaln(_CONCENTRATION) - gammaln(_CONCENTRATION + n))
    for one, start, share in zip(seen, prior, shares, strict=True):
        evidence += float(gammaln(start + one) - gammaln(start)) - one * math.log(share)
    return math.exp(min(0.0, -evidence))


def _compared(counts: Sequence[int], weights: Sequence[float]) -> tuple[list[int], list[float]]:
    """Return the counts of arms that have a weight, and those that they should have."""
    pairs = [(n, weight) for n, weight in zip(counts, weights, strict=True) if weight > 0]
    seen, whole = [n for n, _ in pairs], sum(weight for _, weight in pairs)
    return seen, [sum(seen) * weight / whole for _, weight in pairs]
