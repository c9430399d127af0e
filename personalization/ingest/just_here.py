"""Whose events this process has stored a moment ago: models are asked about them first.

They are known to no other process: who stores what somebody did asks about them, and no two workers
do. What is lost with a process, or is too much, the sweep of a minute makes up for (`scores.py`).
"""

from __future__ import annotations

from collections.abc import Iterable
from threading import Lock
from typing import Final

#: Of more, those who came first are forgotten: where nobody asks, as in a web process, too.
MOST: Final = 500

_lock = Lock()
#: As a set that keeps the order in which they came last.
_profiles: dict[int, None] = {}


def note(profile_ids: Iterable[int]) -> None:
    """Note profiles that have changed."""
    with _lock:
        for profile_id in profile_ids:
            _profiles.pop(profile_id, None)
            _profiles[profile_id] = None
        for profile_id in list(_profiles)[: max(len(_profiles) - MOST, 0)]:
            del _profiles[profile_id]


def take() -> list[int]:
    """Return those that were noted since the last call, who came last first."""
    with _lock:
        taken = list(reversed(_profiles))
        _profiles.clear()
    return taken
