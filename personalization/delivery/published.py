"""What is published: active segments and variations, in memory, per revision.

A page reads the revision along with the visitor's snapshot. Only when it has
moved on are these reloaded, once per process.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from personalization.delivery.models import Slot, Variation
from personalization.segments.models import Revision, Segment


@dataclass(frozen=True, slots=True)
class Candidate:
    """A content that a slot may show to the members of any of `segments` (slugs)."""

    segments: tuple[str, ...]
    key: str
    content: str = ""


@dataclass(frozen=True)
class Published:
    """Segments by slug, and each slot's variations in the order they are tried."""

    revision: int
    segments: Mapping[str, int]
    slots: Mapping[str, tuple[Candidate, ...]]

    @cached_property
    def slugs(self) -> Mapping[int, str]:
        """The slugs of the segments by their ids."""
        return {pk: slug for slug, pk in self.segments.items()}


NOTHING = Published(revision=0, segments={}, slots={})

_cached: Published | None = None


def published(revision: int) -> Published:
    """Return what is published at `revision`."""
    global _cached
    config = _cached  # another thread may replace it meanwhile
    if config is None or config.revision != revision:
        config = _cached = _load(revision)
    return config


def published_now() -> Published:
    """Return what is published, at the cost of reading the revision."""
    return published(current_revision())


def current_revision() -> int:
    row = Revision.objects.filter(pk=Revision.ID).values_list("number", flat=True).first()
    return row or 0


def forget() -> None:
    """Drop what is kept in memory (tests that roll the revision back need it)."""
    global _cached
    _cached = None


def _load(revision: int) -> Published:
    slots: dict[str, list[Candidate]] = {
        slug: [] for slug in Slot.objects.values_list("slug", flat=True)
    }
    active = Variation.objects.filter(active=True, segment__active=True)
    for pk, slot, segment, content in active.values_list(
        "pk", "slot__slug", "segment__slug", "content"
    ).order_by("priority", "pk"):
        slots.setdefault(slot, []).append(Candidate((segment,), f"variation:{pk}", content))
    return Published(
        revision=revision,
        segments=dict(Segment.objects.filter(active=True).values_list("slug", "pk")),
        slots={slug: tuple(candidates) for slug, candidates in slots.items()},
    )
