"""Signals for the code of a site; inside the package functions are called instead.

`segment_entered` and `segment_left` are sent after commit, once per change.
Arguments: `sender` is the Segment class, `segment_id`, `profile_id`, `at` (aware
datetime of the change).

`profile_erased` is sent after commit, once per erasure that reaches profiles, so that what
else the site keeps of them goes too: rows of its own, models trained on them, other systems.
Arguments: `sender` is the Erasure class, `uid` that of the erasure, `profile_ids`, `keys`:
the identities as (namespace, value), `at` (aware datetime of the request).
"""

from __future__ import annotations

from django.dispatch import Signal

segment_entered = Signal()
segment_left = Signal()
profile_erased = Signal()
