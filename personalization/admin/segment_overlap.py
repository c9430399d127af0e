"""How many members of a segment are members of others, too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count

from personalization.admin.wording import share_words
from personalization.segments.members import memberships_at
from personalization.segments.models import Segment

LISTED = 12


@dataclass(frozen=True, kw_only=True)
class Overlap:
    """Members that a segment has in common with another one."""

    segment_id: int
    name: str
    n: int
    #: In words, of the members of the segment that is looked at.
    share: str


def overlaps_of(segment: Segment, *, of: int, now: datetime) -> Sequence[Overlap]:
    """Return the active segments with most members in common (one query).

    `of` is how many members `segment` has.
    """
    mine = memberships_at(now).filter(segment=segment).values("profile")
    others = (
        memberships_at(now)
        .filter(profile__in=mine, segment__active=True)
        .exclude(segment=segment)
        .values_list("segment", "segment__name")
        .annotate(n=Count("pk"))
        .order_by("-n", "segment__name")
    )
    return [
        Overlap(segment_id=pk, name=name, n=n, share=share_words(n, of))
        for pk, name, n in others[:LISTED]
    ]
