"""`request.personalization`: the visitor of a request, read at most once, when asked."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from django.http import HttpRequest
from django.utils import timezone

from personalization import metrics
from personalization.delivery.attempt import attempt
from personalization.delivery.choose import Decision, choose
from personalization.delivery.known import NOBODY, Known, read_visitor
from personalization.delivery.published import Candidate, published_now
from personalization.privacy.answers import answered
from personalization.profiles.visitor import read_visitor_id
from personalization.types import Purpose


@dataclass
class Visitor:
    """The visitor of one request.

    `asked` says that the page depends on who looks at it; `used` that something
    personal went into it, so that no cache may keep it. `shareable` says that
    Django's cache keeps it for unknown visitors only. Once the headers are out
    (`sealed`), nothing personal may follow that they do not announce. Somebody who logs
    in or out may make this another visitor (`switched`): the response then says so.
    """

    request: HttpRequest
    now: datetime = field(default_factory=timezone.now)
    asked: bool = False
    used: bool = False
    shareable: bool = False
    sealed: bool = False
    switched: bool = False

    @property
    def visitor_id(self) -> str | None:
        """The id in the visitor cookie; None for visitors we do not know."""
        return self._id if self._may_use() else None

    @property
    def known(self) -> bool:
        """Whether the visitor has an id. Every page is told, so it makes none personal."""
        return self._id is not None

    @property
    def cookie_id(self) -> str | None:
        """The same id for what is no part of the page, and so makes none personal."""
        return self._id

    def switch(self, visitor_id: str | None) -> None:
        """Make this another visitor from now on, or nobody we know."""
        self._id = visitor_id
        self.switched = True
        self.look_again()

    def look_again(self) -> None:
        """Forget what was read of the visitor: something has followed from an event, just now."""
        self.__dict__.pop("_known", None)
        self.now = timezone.now()

    @property
    def segments(self) -> frozenset[str]:
        """The slugs of the segments the visitor is in now, if personalization is consented."""
        return self._known.segments if self._may_use() and self._consented else frozenset()

    def in_segment(self, slug: str) -> bool:
        return slug in self.segments

    def has_consent(self, purpose: str) -> bool:
        """Return whether the visitor's recorded answers allow `purpose`."""
        if purpose == Purpose.NECESSARY:
            return True
        return self._may_use() and self._is_current and purpose in self._known.consents

    def decide(self, slot: str, candidates: Sequence[Candidate] = ()) -> Decision:
        """Return what to show in `slot`; `candidates` come after those from the admin."""
        if not self._may_use():
            return Decision(slot, None, "too_late" if self.known else "no_id")
        known = self._known
        return choose(
            slot,
            (*known.published.slots.get(slot, ()), *candidates),
            known=True,
            consented=self._consented,
            segments=known.segments,
        )

    @cached_property
    def published_segments(self) -> Collection[str] | None:
        """The slugs of all active segments; None when they cannot be read."""
        return attempt(lambda: published_now().segments, otherwise=None, what="Reading segments")

    @cached_property
    def _id(self) -> str | None:
        return read_visitor_id(self.request.COOKIES)

    @cached_property
    def _known(self) -> Known:
        assert self._id is not None
        visitor_id = self._id
        return attempt(
            lambda: read_visitor(visitor_id, now=self.now),
            otherwise=NOBODY,
            what="Reading the visitor",
        )

    @property
    def _consented(self) -> bool:
        return self._is_current and Purpose.PERSONALIZATION.value in self._known.consents

    @cached_property
    def _is_current(self) -> bool:
        """Whether the visitor has answered the policy as it stands, and not an earlier one."""
        return answered(self.request.COOKIES) is not None

    def _may_use(self) -> bool:
        """Note that the page depends on the visitor, before anything is answered.

        Returns whether something personal may go into it: there is a visitor we
        know, and the headers say so or still can.
        """
        if not self.sealed:
            self.asked = True
            self.used = self.used or self.known
        elif self.known and not self.used:
            metrics.count("slots.too_late")
        return self.used and self.known


def visitor_of(request: HttpRequest | None) -> Visitor | None:
    """Return the visitor of a request that went through the middleware."""
    return getattr(request, "personalization", None)
