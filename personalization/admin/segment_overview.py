"""What the page of a segment shows beside its form: members, sentence, where it is used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils import timezone

from personalization.admin.segment_health import GOOD, health_of
from personalization.admin.segment_overlap import Overlap, overlaps_of
from personalization.admin.segment_usage import segments_using, variations_using, webhooks_of
from personalization.admin.visitors import label
from personalization.admin.wording import share_words
from personalization.delivery.models import Variation
from personalization.delivery.pages import pages_naming
from personalization.delivery.templates import templates_naming
from personalization.exceptions import InvalidRule
from personalization.profiles.models import Snapshot
from personalization.rules.explain import sentence
from personalization.rules.parse import parse
from personalization.segments.catalogue import catalogue
from personalization.segments.members import memberships_at
from personalization.segments.models import Membership, Segment, SegmentVersion, Webhook
from personalization.segments.population import linked
from personalization.segments.progress import RefreshState, refresh_state
from personalization.segments.state import State, state_of

LISTED = 20


@dataclass(frozen=True)
class Member:
    label: str
    membership: Membership


@dataclass(frozen=True, kw_only=True)
class Overview:
    """The saved segment as it stands now."""

    sentence: str
    state: State
    #: How far the memberships follow the rule.
    refresh: RefreshState
    #: What is wrong with its rule, each with its place.
    problems: Sequence[str]
    #: What is odd about a rule that can be used.
    oddities: Sequence[str]
    #: The last good version, while it stands in for a rule that is broken or not ready yet.
    stand_in: SegmentVersion | None
    n_members: int
    share: str
    members: Sequence[Member]
    segments: Sequence[Segment]
    variations: Sequence[Variation]
    webhooks: Sequence[Webhook]
    templates: Sequence[str]
    pages: Sequence[str]
    overlaps: Sequence[Overlap]
    n_versions: int
    #: Whether each request decides anew who is in it, so that nobody is stored.
    live_only: bool


def overview(segment: Segment, *, with_members: bool) -> Overview:
    """Return the overview; `with_members` names the newest members, as profiles may be seen."""
    now = timezone.now()
    current = memberships_at(now).filter(segment=segment)
    n = current.count()
    state = state_of(segment, now=now)
    health = health_of([segment], now=now).get(segment.pk, GOOD)
    problems = health.problems
    newest = current.select_related("profile").prefetch_related("profile__identities")
    listed = newest.order_by("-since", "-pk")[:LISTED] if with_members else ()
    return Overview(
        sentence=_sentence(segment),
        state="broken" if problems and state in ("fresh", "pending") else state,
        refresh=refresh_state(segment, now=now),
        problems=problems,
        oddities=health.oddities,
        stand_in=_stand_in(segment),
        n_members=n,
        share=share_words(n, Snapshot.objects.count()),
        members=[Member(label(each.profile), each) for each in listed],
        segments=segments_using(segment),
        variations=variations_using(segment),
        webhooks=webhooks_of(segment),
        templates=templates_naming(segment.slug),
        pages=pages_naming(segment.slug),
        overlaps=overlaps_of(segment, of=n, now=now) if n else (),
        n_versions=segment.versions.count(),
        live_only=_is_live_only(segment),
    )


def _stand_in(segment: Segment) -> SegmentVersion | None:
    serving = segment.serving
    if serving is None or serving.rule == segment.rule:
        return None
    return serving


def _is_live_only(segment: Segment) -> bool:
    if not segment.is_by_rule:
        return False
    try:
        return linked(segment.rule).live_only
    except InvalidRule:
        return False


def _sentence(segment: Segment) -> str:
    if not segment.is_by_rule:
        return ""
    try:
        return sentence(parse(segment.rule), catalogue())
    except InvalidRule:
        return ""
