"""What is published: active segments and variations, in memory, per revision.

A page reads the revision along with the visitor's snapshot. Only when it has
moved on are these reloaded, once per process.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db.models import BooleanField, ExpressionWrapper

from personalization.clock import microseconds
from personalization.delivery.models import Slot, Variation
from personalization.delivery.rule_arms import is_filled, weights_of_arms
from personalization.experiments.running import running_trials
from personalization.experiments.trial import Trial
from personalization.revisions import Revision
from personalization.segments.live import live_rules_at
from personalization.segments.models import Segment
from personalization.segments.progress import pending
from personalization.types import Microseconds


@dataclass(frozen=True, slots=True)
class Candidate:
    """A content that a slot may show to the members of any of `segments` (slugs).

    Shown from `starts` on and before `ends`, to nobody in the segment `cap`. Where chance
    decides, `share` says how often. `held_out` is the share of those who would see it that sees
    the default instead; None: as everywhere on the site.
    """

    segments: tuple[str, ...]
    key: str
    content: str = ""
    share: float = 1.0
    starts: Microseconds | None = None
    ends: Microseconds | None = None
    cap: str = ""
    held_out: float | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """A slot as it is published, with its candidates in the order they are tried.

    `strategy` is empty where the slot leaves it to the site. Nobody in the segment `cap` sees
    any of the candidates. One with a `trigger` waits for it in the browser. `name` is for
    people; a slot that the admin does not have is without one. One that `is_fixed` by an
    experiment shows its first candidate to whoever sees any. `trials` are the experiments that
    are about it; `held_out` and `held_out_of_all` are the shares that the site holds out from a
    content and from all of them.
    """

    slug: str
    candidates: tuple[Candidate, ...] = ()
    name: str = ""
    strategy: str = ""
    cap: str = ""
    trigger: str = ""
    trigger_value: int | None = None
    presentation: str = "place"
    is_fixed: bool = False
    trials: tuple[Trial, ...] = ()
    held_out: float = 0.0
    held_out_of_all: float = 0.0
    #: What arms of its experiments make of it, by experiment and arm: worked out once.
    by_arm: dict[tuple[str, str], Place] = field(
        default_factory=dict, init=False, compare=False, repr=False
    )


@dataclass(frozen=True, slots=True)
class InForce:
    """A version of the segment `slug`, whose memberships hold before `end`, if it has one."""

    slug: str
    end: Microseconds | None = None


#: Slot, strategy, identity of its own candidates, and the shares that the site holds out.
PlaceKey = tuple[str, str, int, float, float]


@dataclass(frozen=True)
class Published:
    """Segments and slots by slug; `weights` are of the segments. `versions` are those whose
    memberships are in force. Segments are `stale` while their memberships do not follow their
    rules yet.
    """

    revision: int
    segments: Mapping[str, int]
    slots: Mapping[str, Place]
    weights: Mapping[str, float] = field(default_factory=dict)
    versions: Mapping[int, InForce] = field(default_factory=dict)
    stale: frozenset[str] = frozenset()
    #: Whether some segments are decided by the request itself.
    on_request: bool = False
    #: Experiments that run, whatever they are about.
    trials: tuple[Trial, ...] = ()
    #: What their bandits look at in visitors; mostly nothing.
    features: frozenset[str] = frozenset()
    #: What `place_of` made of it for templates, by `PlaceKey`.
    places: dict[PlaceKey, tuple[tuple[Candidate, ...], Place]] = field(
        default_factory=dict, compare=False, repr=False
    )


NOTHING = Published(revision=0, segments={}, slots={})

_cached: Published | None = None


def published(revision: int) -> Published:
    """Return what is published at `revision`."""
    global _cached
    config = _cached  # another thread may replace it meanwhile
    if config is None or config.revision != revision:
        config = _cached = _load(revision)
    return config


def asks_requests() -> bool:
    """Return whether, as far as this process knows, some segments are decided by requests."""
    config = _cached
    return config is not None and config.on_request


def asks_features() -> bool:
    """Return whether, as far as this process knows, bandits look at features of visitors."""
    config = _cached
    return config is not None and bool(config.features)


def remembered() -> Published:
    """Return what this process knows to be published, without a read; perhaps nothing yet."""
    return _cached or NOTHING


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
    is_pending = ExpressionWrapper(pending(), output_field=BooleanField())
    active = Segment.objects.filter(active=True).annotate(is_pending=is_pending)
    segments: list[Any] = list(active)
    filled = {one.slug for one in segments if one.internal and not one.is_pending}
    trials = tuple(one for one in running_trials() if is_filled(one, filled))
    weights = {segment.slug: segment.weight for segment in segments}
    return Published(
        revision=revision,
        segments={segment.slug: segment.pk for segment in segments if not segment.internal},
        slots=_places(),
        weights=weights | weights_of_arms(trials, weights),
        versions={
            segment.serving_id: InForce(
                segment.slug, microseconds(segment.ends_at) if segment.ends_at else None
            )
            for segment in segments
            if segment.serving_id is not None
        },
        stale=frozenset(
            segment.slug for segment in segments if segment.is_pending and not segment.internal
        ),
        on_request=bool(live_rules_at(revision).on_request),
        trials=trials,
        features=frozenset(name for one in trials if one.policy for name in one.policy.names),
    )


def _places() -> dict[str, Place]:
    candidates: dict[int, list[Candidate]] = {}
    active = Variation.objects.filter(active=True, segment__active=True)
    for row in active.values(
        "pk",
        "slot_id",
        "content",
        "share",
        "starts_at",
        "ends_at",
        "holdout",
        "segment__slug",
        "cap__slug",
    ).order_by("priority", "segment__priority", "pk"):
        candidates.setdefault(row["slot_id"], []).append(_candidate(row))
    return {
        slot.slug: Place(
            slot.slug,
            tuple(candidates.get(slot.pk, ())),
            name=slot.name,
            strategy=slot.strategy,
            cap=slot.cap.slug if slot.cap else "",
            trigger=slot.trigger,
            trigger_value=slot.trigger_value,
            presentation=slot.presentation,
        )
        for slot in Slot.objects.select_related("cap")
    }


def _candidate(row: Mapping[str, Any]) -> Candidate:
    return Candidate(
        (row["segment__slug"],),
        f"variation:{row['pk']}",
        row["content"],
        share=row["share"],
        starts=microseconds(row["starts_at"]) if row["starts_at"] else None,
        ends=microseconds(row["ends_at"]) if row["ends_at"] else None,
        cap=row["cap__slug"] or "",
        held_out=row["holdout"],
    )
