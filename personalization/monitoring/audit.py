"""Compare what the live path keeps with what the log says (law 1)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from personalization.profiles.models import Snapshot
from personalization.segments.live import live_rules
from personalization.segments.rebuild import checksum, derived_snapshot


@dataclass(frozen=True)
class Difference:
    """A profile whose snapshot is not what its events add up to."""

    profile_id: int
    kept: str
    derived: str


def audit_profiles(*, now: datetime) -> Iterator[Difference]:
    """Yield each difference. Run it with the buffer empty and nothing due, or wait."""
    live = live_rules()
    snapshots = Snapshot.objects.filter(plan=live.plan.id).order_by("pk")
    for snapshot in snapshots.iterator(chunk_size=500):
        derived = derived_snapshot(snapshot, live, now=now)
        if checksum(snapshot) != checksum(derived):
            yield Difference(snapshot.pk, checksum(snapshot), checksum(derived))
