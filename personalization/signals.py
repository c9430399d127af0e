"""Signals for the code of a site; inside the package functions are called instead.

`segment_entered` and `segment_left` are sent after commit, once per change.
Arguments: `sender` is the Segment class, `segment_id`, `profile_id`, `at` (aware
datetime of the change).
"""

from __future__ import annotations

from django.dispatch import Signal

segment_entered = Signal()
segment_left = Signal()
