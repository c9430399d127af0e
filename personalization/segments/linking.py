"""Versions of segments, each with its rule and those of the segments that it names.

Rules are linked in two worlds: as the segments are that serve, and as they are about to
be once every version that waits has been filled. So a version that waits beside another
one is filled for what that will be, and both take over together.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from django.db.models import Q

from personalization.clock import microseconds
from personalization.exceptions import InvalidRule, Problem
from personalization.rules.leaves.end import EndLeaf, ended
from personalization.rules.leaves.fields import FeatureLeaf
from personalization.rules.leaves.segment import SegmentLeaf
from personalization.rules.nodes import Rule
from personalization.rules.parse import link, parse
from personalization.segments.by_hand import by_hand_meaning
from personalization.segments.models import Segment, SegmentVersion
from personalization.types import Json, Microseconds

#: What the memberships of a segment mean that is switched off: nobody.
OFF = "off"
#: … and of one whose rule cannot be used: who was in it stays in it.
BROKEN = "broken"


@dataclass(frozen=True)
class LiveVersion:
    """A version that memberships are kept for.

    Without a rule it is kept by hand (`by_hand`), its memberships stay as they are because
    its rule cannot be used (`frozen`), or it is switched off and nobody is in it.
    `meaning` is what its memberships should follow, `filled` what they do follow.
    """

    id: int
    segment_id: int
    slug: str
    serving: bool
    meaning: str
    filled: str
    rule: Rule | None = None
    #: Decided with each request: nobody is a stored member.
    live_only: bool = False
    by_hand: bool = False
    frozen: bool = False
    ends_at: Microseconds | None = None
    #: The version that serves, of one that is being filled beside it.
    beside: int | None = None


@dataclass(frozen=True)
class Retiring:
    """A version that served until `at`, when the version `successor` took over."""

    segment_id: int
    successor: int
    at: Microseconds


def ends_at(segment: Segment) -> Microseconds | None:
    return microseconds(segment.ends_at) if segment.ends_at else None


@dataclass
class World:
    """The versions in force in it, by slug."""

    versions: Mapping[str, tuple[Segment, SegmentVersion]]
    _parsed: dict[int, Rule] = field(default_factory=dict)

    def linked(self, slug: str) -> Rule:
        """Return the rule of the segment with the rules of those that it names.

        :raises InvalidRule: if it cannot be used.
        """
        segment, version = self.versions[slug]
        return ended(link(self._parse(version), self.lookup), at=ends_at(segment))

    def lookup(self, slug: str) -> Rule | None:
        segment, version = self.versions[slug]
        if not segment.active:
            raise KeyError(slug)
        if version.kind == Segment.Kind.MANUAL:
            return None
        try:
            return ended(self._parse(version), at=ends_at(segment))
        except InvalidRule:
            raise broken_segment(segment) from None

    def meaning(self, rule: Rule) -> str:
        """Return a digest of a linked rule: of its own JSON and of all that it names."""
        parts: list[Json] = [rule.source]
        for leaf in rule.leaves():
            if isinstance(leaf, SegmentLeaf):
                parts.append([leaf.slug, self.meaning(leaf.rule) if leaf.rule else None])
                if leaf.rule is None:
                    parts.append(by_hand_meaning(ends_at(self.versions[leaf.slug][0])))
            elif isinstance(leaf, EndLeaf):
                parts.append(leaf.at)
            elif isinstance(leaf, FeatureLeaf) and leaf.derived is not None:
                parts.append(leaf.derived.meaning)
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:40]

    def _parse(self, version: SegmentVersion) -> Rule:
        if version.pk not in self._parsed:
            self._parsed[version.pk] = parse(version.rule)
        return self._parsed[version.pk]


@dataclass
class Versions:
    """All versions that matter at a revision, linked, and what is wrong with others."""

    live: list[LiveVersion] = field(default_factory=list)
    broken: dict[int, str] = field(default_factory=dict)
    retiring: dict[int, Retiring] = field(default_factory=dict)
    dropped: set[int] = field(default_factory=set)
    followers: set[int] = field(default_factory=set)

    @property
    def rules(self) -> dict[int, Rule]:
        """The rules that serve and have stored members, by segment."""
        return {
            one.segment_id: one.rule
            for one in self.live
            if one.serving and one.rule and not one.live_only
        }


def serving_world(segments: Iterable[Segment]) -> World:
    """Return the world of the versions that serve (one query)."""
    by_slug = {segment.slug: segment for segment in segments}
    found = SegmentVersion.objects.in_bulk([one.serving_id for one in by_slug.values()])
    return World(
        {
            slug: (segment, found[segment.serving_id])
            for slug, segment in by_slug.items()
            if segment.serving_id in found
        }
    )


def load_versions(segments: Sequence[Segment]) -> Versions:
    """Return the versions that serve or wait, linked in their worlds (one query)."""
    states = (
        SegmentVersion.State.WAITING,
        SegmentVersion.State.RETIRING,
        SegmentVersion.State.DROPPED,
    )
    serving_ids = [segment.serving_id for segment in segments]
    rows = SegmentVersion.objects.filter(Q(state__in=states) | Q(pk__in=serving_ids))
    by_id = {version.pk: version for version in rows}
    by_segment = {segment.pk: segment for segment in segments}
    serving = World(
        {
            segment.slug: (segment, by_id[segment.serving_id])
            for segment in segments
            if segment.serving_id in by_id
        }
    )
    waiting = {
        by_segment[version.segment_id].slug: version
        for version in by_id.values()
        if version.state == SegmentVersion.State.WAITING
        and by_segment[version.segment_id].slug in serving.versions
    }
    found = Versions()
    coming = _usable(serving, waiting, found)
    for slug, (segment, version) in serving.versions.items():
        found.live.append(_live(segment, version, serving, found, serves=True))
        if slug in waiting and coming.versions[slug][1] is waiting[slug]:
            found.live.append(_live(segment, waiting[slug], coming, found, serves=False))
    _note_over(by_id.values(), by_segment, found)
    found.followers.update(_followers(found, serving, coming))
    return found


def _usable(serving: World, waiting: Mapping[str, SegmentVersion], found: Versions) -> World:
    """Return the world to come, without the versions whose rules cannot be used."""
    usable = dict(waiting)
    while True:
        versions = {
            slug: (segment, usable.get(slug, version))
            for slug, (segment, version) in serving.versions.items()
        }
        coming = World(versions, serving._parsed)
        bad = {}
        for slug, version in usable.items():
            segment = versions[slug][0]
            if not segment.active or version.kind == Segment.Kind.MANUAL:
                continue
            try:
                coming.linked(slug)
            except InvalidRule as error:
                bad[slug] = found.broken[segment.pk] = str(error)
        if not bad:
            return coming
        for slug in bad:
            del usable[slug]


def _live(
    segment: Segment, version: SegmentVersion, world: World, found: Versions, *, serves: bool
) -> LiveVersion:
    def made(meaning: str, rule: Rule | None = None, *, frozen: bool = False) -> LiveVersion:
        return LiveVersion(
            id=version.pk,
            segment_id=segment.pk,
            slug=segment.slug,
            serving=serves,
            meaning=meaning,
            filled=version.meaning,
            rule=rule,
            live_only=rule is not None and rule.live_only,
            by_hand=version.kind == Segment.Kind.MANUAL,
            frozen=frozen,
            ends_at=ends_at(segment),
            beside=None if serves else segment.serving_id,
        )

    if version.kind == Segment.Kind.MANUAL:
        # Those switched off too: what a person entered is kept until a person deletes it.
        return made(by_hand_meaning(ends_at(segment)))
    if not segment.active:
        return made(OFF)
    try:
        rule = world.linked(segment.slug)
    except InvalidRule as error:
        # Never everybody: who was in it by a rule that cannot be used any more stays.
        found.broken.setdefault(segment.pk, str(error))
        return made(BROKEN, frozen=True)
    return made(world.meaning(rule), rule)


def _note_over(
    versions: Iterable[SegmentVersion], segments: Mapping[int, Segment], found: Versions
) -> None:
    for version in versions:
        if version.state == SegmentVersion.State.DROPPED:
            found.dropped.add(version.pk)
        successor = segments[version.segment_id].serving_id
        if version.state == SegmentVersion.State.RETIRING and successor and version.retired_at:
            found.retiring[version.pk] = Retiring(
                version.segment_id, successor, microseconds(version.retired_at)
            )


def _followers(found: Versions, serving: World, coming: World) -> Iterable[int]:
    """Yield the segments that name, at whatever distance, one whose new version waits."""
    if serving.versions == coming.versions:
        return
    for version in found.live:
        own = coming.versions[version.slug][1].pk
        if version.rule is None or not version.serving or own != version.id:
            continue
        try:
            if coming.meaning(coming.linked(version.slug)) != version.meaning:
                yield version.segment_id
        except InvalidRule:
            continue  # it will be broken, and say so, once the other one has changed


def broken_segment(segment: Segment) -> InvalidRule:
    message = f"The rule of segment “{segment.name}” is broken; repair it first."
    return InvalidRule([Problem(pointer="", message=message, value=segment.slug)])
