"""How much of what the tracker collects it shall send, by how much waits for the worker.

Page views, logins, orders, slots and whatever a page asks for by itself are always sent; the
rate is for what is collected by the way (`personalization.events.collection`). The tracker
writes it into the `context` of each event, so that counts can be weighted: an event that
was kept at 0.25 stands for four.
"""

from __future__ import annotations

import math

#: Up to this part of what may wait, everything is sent.
CALM = 0.25
#: Never less: what is counted must stay an estimate.
FLOOR = 0.05
#: Rates come in steps, so that a manifest stays the same while little changes.
STEP = 0.05


def sample_rate(depth: int, *, limit: int) -> float:
    """Return the rate while `depth` requests wait of the `limit` that may.

    1 up to a quarter of the limit; from there it falls in a straight line to `FLOOR` at
    the limit, rounded down to steps of `STEP`.
    """
    filled = depth / limit
    if filled <= CALM:
        return 1.0
    rate = 1 - (1 - FLOOR) * (filled - CALM) / (1 - CALM)
    # Not `rate // STEP`: 0.15 // 0.05 is 2.
    return max(FLOOR, round(math.floor(rate / STEP + 1e-9) * STEP, 2))
