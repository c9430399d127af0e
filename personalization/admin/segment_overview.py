"""What the page of a segment shows beside its form: members, sentence, where it is used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Q
from django.utils import timezone

from personalization.admin.segment_usage import segments_using, variations_using
from personalization.admin.visitors import label
from personalization.admin.wording import share_words
from personalization.delivery.models import Variation
from personalization.exceptions import InvalidRule
from personalization.profiles.models import Snapshot
from personalization.rules.explain import sentence
from personalization.rules.parse import parse
from personalization.segments.catalogue import catalogue
from personalization.segments.models import Membership, Segment

LISTED = 20


@dataclass(frozen=True)
class Member:
    label: str
    membership: Membership


@dataclass(frozen=True, kw_only=True)
class Overview:
    """The saved segment as it stands now."""

    sentence: str
    state: str
    n_members: int
    share: str
    members: Sequence[Member]
    segments: Sequence[Segment]
    variations: Sequence[Variation]


def overview(segment: Segment, *, state: str, with_members: bool) -> Overview:
    """Return the overview; `with_members` names the newest members, as profiles may be seen."""
    now = timezone.now()
    current = Membership.objects.filter(
        Q(until=None) | Q(until__gt=now), segment=segment, since__lte=now
    )
    n = current.count()
    newest = current.select_related("profile").prefetch_related("profile__identities")
    listed = newest.order_by("-since", "-pk")[:LISTED] if with_members else ()
    return Overview(
        sentence=_sentence(segment),
        state=state,
        n_members=n,
        share=share_words(n, Snapshot.objects.count()),
        members=[Member(label(each.profile), each) for each in listed],
        segments=segments_using(segment),
        variations=variations_using(segment),
    )


def _sentence(segment: Segment) -> str:
    if not segment.is_by_rule:
        return ""
    try:
        return sentence(parse(segment.rule), catalogue())
    except InvalidRule:
        return ""
