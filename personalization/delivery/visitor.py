"""`request.personalization`: the visitor of a request, read at most once, when asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from django.db.models import Subquery, Value
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.utils import timezone

from personalization.clock import microseconds
from personalization.delivery.choose import Decision, choose
from personalization.delivery.published import Candidate, Published, current_revision, published
from personalization.profiles.models import Identity, Snapshot
from personalization.profiles.visitor import read_visitor_id
from personalization.segments.models import Revision
from personalization.types import Purpose


@dataclass(frozen=True)
class Known:
    """What one read tells of a visitor: consents, memberships and the revision."""

    published: Published
    consents: frozenset[str] = frozenset()
    segments: frozenset[str] = frozenset()
    profile_id: int | None = None


@dataclass
class Visitor:
    """The visitor of one request.

    `asked` says that the page depends on who looks at it; `used` that something
    personal went into it, so that no cache may keep it.
    """

    request: HttpRequest
    now: datetime = field(default_factory=timezone.now)
    asked: bool = False
    used: bool = False
    #: Whether Django's cache meant to keep the response before the page asked.
    cacheable: bool = False

    @cached_property
    def visitor_id(self) -> str | None:
        """The id in the visitor cookie; None for visitors we do not know."""
        return read_visitor_id(self.request.COOKIES)

    @property
    def segments(self) -> frozenset[str]:
        """The slugs of the segments the visitor is in now, if personalization is consented."""
        self._ask()
        if self.visitor_id is None or not self._consented:
            return frozenset()
        return self._known.segments

    def in_segment(self, slug: str) -> bool:
        return slug in self.segments

    def has_consent(self, purpose: str) -> bool:
        """Return whether the visitor's recorded answers allow `purpose`."""
        if purpose == Purpose.NECESSARY:
            return True
        self._ask()
        return self.visitor_id is not None and purpose in self._known.consents

    def decide(self, slot: str, candidates: Sequence[Candidate] = ()) -> Decision:
        """Return what to show in `slot`; `candidates` come after those from the admin."""
        self._ask()
        if self.visitor_id is None:
            return choose(slot, (), known=False, consented=False, segments=())
        known = self._known
        return choose(
            slot,
            (*known.published.slots.get(slot, ()), *candidates),
            known=True,
            consented=self._consented,
            segments=known.segments,
        )

    @property
    def _consented(self) -> bool:
        return Purpose.PERSONALIZATION.value in self._known.consents

    def _ask(self) -> None:
        """Note that the page depends on the visitor, before anything is answered.

        Django's cache must not keep such a page under a key all visitors share;
        this flag reaches it wherever it stands, `cache_page` included.
        """
        if not self.asked:
            self.cacheable = getattr(self.request, "_cache_update_cache", False)
        self.asked = True
        self.used = self.used or self.visitor_id is not None
        self.request._cache_update_cache = False  # type: ignore[attr-defined]

    @cached_property
    def _known(self) -> Known:
        assert self.visitor_id is not None
        return read_visitor(self.visitor_id, now=self.now)


def read_visitor(visitor_id: str, *, now: datetime) -> Known:
    """Return what is known of the visitor: one read, by the unique key of the identity."""
    row = (
        Snapshot.objects.filter(
            profile__identities__namespace=Identity.ANONYMOUS,
            profile__identities__value=visitor_id,
        )
        .annotate(
            revision=Coalesce(
                Subquery(Revision.objects.filter(pk=Revision.ID).values("number")[:1]), Value(0)
            )
        )
        .values_list("pk", "memberships", "consents", "revision")
        .first()
    )
    if row is None:
        return Known(published=published(current_revision()))
    profile_id, memberships, consents, revision = row
    config = published(revision)
    return Known(
        published=config,
        consents=frozenset(consents),
        segments=_segments_at(memberships, config, microseconds(now)),
        profile_id=profile_id,
    )


def _segments_at(
    memberships: dict[str, list[int | None]], config: Published, now: int
) -> frozenset[str]:
    """Return the slugs of the memberships that hold at `now`, by their exact ends."""
    holding = {
        int(key)
        for key, (since, until, _) in memberships.items()
        if since is not None and since <= now and (until is None or now < until)
    }
    return frozenset(slug for slug, pk in config.segments.items() if pk in holding)
