"""Compare what the live path keeps with what the log says (law 1)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import TypeVar

from personalization.profiles.merges import misplaced
from personalization.profiles.models import Profile, Snapshot
from personalization.segments.live import live_rules
from personalization.segments.rebuild import CHUNK, checksum, derived_snapshots

T = TypeVar("T")


@dataclass(frozen=True)
class Difference:
    """A profile whose snapshot is not what its events add up to."""

    profile_id: int
    kept: str
    derived: str


def audit_identities() -> Iterator[int]:
    """Yield each profile that has other identities than what was said of them gives it."""
    told: set[int] = set()
    numbers = Profile.objects.order_by("pk").values_list("pk", flat=True)
    for chunk in batched(numbers.iterator(chunk_size=CHUNK), CHUNK):
        wrong = misplaced(chunk) - told
        told |= wrong
        yield from sorted(wrong)


def audit_profiles(*, now: datetime) -> Iterator[Difference]:
    """Yield each difference. Run it with the buffer empty and nothing due, or wait."""
    live = live_rules()
    snapshots = Snapshot.objects.filter(plan=live.plan.id).order_by("pk").iterator(chunk_size=CHUNK)
    for chunk in batched(snapshots, CHUNK):
        for kept, derived in zip(chunk, derived_snapshots(chunk, live, now=now), strict=True):
            if checksum(kept) != checksum(derived):
                yield Difference(kept.pk, checksum(kept), checksum(derived))


def batched(things: Iterable[T], n: int) -> Iterator[list[T]]:
    iterator = iter(things)
    while chunk := list(islice(iterator, n)):
        yield chunk
