"""Numbers of events as whole millionths, so that their sum is exact in any order.

Adding floats depends on the order of events, and databases round otherwise than we do.
Each number becomes floor(x · 10⁶ + ½), computed in doubles, which every engine does alike.
"""

from __future__ import annotations

import math

from personalization.types import Json

MILLION = 1_000_000
#: Larger numbers are no amounts: events that carry one are passed over.
LARGEST = 10**9


def amount(value: Json) -> int | None:
    """Return `value` in millionths; None for what is no number, or larger than `LARGEST`."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if not -LARGEST <= value <= LARGEST:  # False for NaN, too
        return None
    return math.floor(float(value) * MILLION + 0.5)
