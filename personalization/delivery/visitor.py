"""`request.personalization`: the visitor of a request, read at most once, when asked."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property

from django.http import HttpRequest
from django.utils import timezone

from personalization import metrics
from personalization.clock import microseconds
from personalization.conf import settings
from personalization.delivery.asks import Asks, told
from personalization.delivery.attempt import attempt
from personalization.delivery.bots import is_bot
from personalization.delivery.choose import Decision, Step, choose, is_refused
from personalization.delivery.exposures import View, expose, note_shown
from personalization.delivery.known import NOBODY, Known, read_visitor
from personalization.delivery.page_key import ask_of
from personalization.delivery.places import place_of
from personalization.delivery.preview import Preview, lot_of, preview_of
from personalization.delivery.published import Candidate, Place, Published, published_now
from personalization.delivery.request_context import request_context
from personalization.delivery.standing import Standing
from personalization.delivery.ticket import Ticket, read_ticket, valid_for
from personalization.ml.history import History
from personalization.ml.serving.histories import history_of_profile
from personalization.privacy.answers import answered
from personalization.privacy.signals import objects
from personalization.profiles.identity import Key
from personalization.profiles.models import Identity
from personalization.profiles.visitor import read_visitor_id
from personalization.types import JsonObject, Purpose

#: No slot is called so: what fails here fails for all.
WHOLE_PAGE = ""


@dataclass
class Visitor:
    """The visitor of one request.

    `asked` says that the page depends on who looks at it; `beside` that it does so beside its
    key, which is made of `asks`, what keyed slots asked. `used` says that something
    personal went into it beside its key, so that no cache may keep it. `shareable` says that
    Django's cache keeps it for unknown visitors only. Once the headers are out
    (`sealed`), nothing personal may follow that they do not announce. Somebody who logs
    in or out may make this another visitor (`switched`): the response then says so.
    """

    request: HttpRequest
    now: datetime = field(default_factory=timezone.now)
    asked: bool = False
    beside: bool = False
    used: bool = False
    shareable: bool = False
    sealed: bool = False
    switched: bool = False
    asks: Asks = field(default_factory=Asks)
    #: What was decided and why, in order; kept for staff who look into a page.
    traces: list[Trace] = field(default_factory=list)
    #: What failed behind a slot, or `WHOLE_PAGE`: its name → what the exception said.
    failures: dict[str, str] = field(default_factory=dict)
    #: The key that was sent along, by a cache in front of the site.
    sent_key: str | None = None
    _pretends: Preview | None = None

    def __post_init__(self) -> None:
        # A cache of the site may hide cookies from the page, to keep more of it.
        self.cookies: Mapping[str, str] = self.request.COOKIES

    @property
    def visitor_id(self) -> str | None:
        """The id in the visitor cookie; None for visitors we do not know."""
        return self._id if self._may_use() else None

    @property
    def known(self) -> bool:
        """Whether the visitor has an id, or staff pretend to be one. Every page is told, so
        it makes none personal."""
        return self._id is not None or self.preview is not None

    @property
    def cookie_id(self) -> str | None:
        """The same id for what is no part of the page, and so makes none personal."""
        return self._id

    @property
    def reporter(self) -> Key | None:
        """Whose key proves what is reported by a browser; None: nothing of it is to count."""
        if self._id is None or self.preview is not None:
            return None
        return Key(Identity.ANONYMOUS, self._id)

    def switch(self, visitor_id: str | None) -> None:
        """Make this another visitor from now on, or nobody we know."""
        self._id = visitor_id
        self.switched = True
        self.look_again()

    def look_again(self) -> None:
        """Forget what was read of the visitor: something has followed from an event, just now."""
        for name in ("_known", "_view", "standing", "history"):
            self.__dict__.pop(name, None)
        self.now = timezone.now()

    @property
    def segments(self) -> frozenset[str]:
        """The slugs of the segments the visitor is in now, if personalization is consented."""
        if not (self._may_use() and self._consented):
            return frozenset()
        return self._known.segments.intersection(self._known.published.segments)

    @property
    def stale_segments(self) -> frozenset[str]:
        """The slugs of the segments that are being brought after a changed rule just now.

        The same for every visitor we know; without one, nothing is read and none are named.
        """
        return self._known.stale if self._may_use() else frozenset()

    @property
    def published(self) -> Published:
        """What is published, as it was read along with the visitor we know."""
        return self._known.published

    def in_segment(self, slug: str) -> bool:
        return slug in self.segments

    def has_consent(self, purpose: str) -> bool:
        """Return whether the visitor's recorded answers allow `purpose`."""
        if purpose == Purpose.NECESSARY:
            return True
        return self._may_use() and self._is_current and purpose in self._known.consents

    @property
    def reader(self) -> Known | None:
        """What is known of the visitor, if something personal may be shown beside slots.

        The page depends on who looks at it from then on.
        """
        if not self._may_use() or is_refused(self.standing):
            return None
        return self._known

    @cached_property
    def history(self) -> History:
        """What the `reader` did with items until now, read once for the page."""
        nothing = History(now=microseconds(self.now))
        if (reader := self.reader) is None or (profile_id := reader.profile_id) is None:
            return nothing
        return attempt(
            lambda: history_of_profile(profile_id, now=self.now),
            otherwise=nothing,
            what="Reading what the visitor did",
            failed=self._note_failure,
        )

    def decide(
        self, slot: str, candidates: Sequence[Candidate] = (), *, keyed: bool = False
    ) -> Decision:
        """Return what to show in `slot`; `candidates` come after those from the admin.

        With `keyed`, caches may keep the page for whoever gets the same decisions.
        """
        if keyed and not self.sealed and self.ticket is None and self.preview is None:
            return self._keyed(slot, candidates)
        mode = "keyed" if keyed else "inline"
        if not self._may_use():
            return self._undecided(slot, candidates, mode=mode)
        return self.decision(slot, candidates, mode=mode)

    def _keyed(self, slot: str, candidates: Sequence[Candidate]) -> Decision:
        """Note what a keyed slot asks with the answer, so that caches can tell answers apart."""
        self.asked = True
        decision, revision = Decision(slot, None, "no_id"), 0
        if self.known:
            decision = self.decision(slot, candidates, mode="keyed")
            revision = self.published.revision
        self.asks.note(ask_of(slot, candidates), decision, revision=revision)
        self.used = self.used or self.asks.torn
        return told(decision)

    def decision(
        self,
        slot: str,
        candidates: Sequence[Candidate] = (),
        *,
        in_browser: bool = False,
        mode: str = "deferred",
    ) -> Decision:
        """Return the decision without a note that the page depends on it: it goes elsewhere.

        `in_browser` where the browser asks, which can wait for the trigger of a slot.
        """
        place = place_of(self._known.published, slot, candidates, overlap=self._overlap)
        steps: list[Step] = []
        note = steps.append if self.inspected else None
        decision = choose(place, self.standing, note=note, in_browser=in_browser)
        if note is None:
            return decision
        self.traces.append(Trace(place, decision, tuple(steps), mode=mode))
        return decision

    def _undecided(self, slot: str, candidates: Sequence[Candidate], *, mode: str) -> Decision:
        """Return that nobody is known, or was when something personal could still go out."""
        decision = Decision(slot, None, "too_late" if self.known else "no_id")
        if self.inspected:
            place = place_of(published_now(), slot, candidates, overlap=self._overlap)
            steps = (Step("consent", decision.reason),)
            self.traces.append(Trace(place, decision, steps, mode=mode))
        return decision

    def expose(self, decision: Decision) -> None:
        """Note that the visitor is shown what was decided, unless staff only pretend to be one."""
        decision = self.asks.show(decision)
        if self.preview is None and self._view is not None:
            expose(decision, self._view)

    def note_shown(self, name: str, properties: JsonObject, *, message_id: str) -> None:
        """Note that the visitor is shown something else than a slot, as `expose` does."""
        if self.preview is None and self._view is not None:
            note_shown(name, properties, message_id=message_id, view=self._view)

    @cached_property
    def standing(self) -> Standing:
        """What decisions for this visitor depend on. Only the visitor we know has one."""
        at = self.preview.at if self.preview else None
        standing = self._known.standing(
            consented=self._consented,
            bot=is_bot(self.request),
            preview=self.preview is not None,
            unit=self._unit,
            now=microseconds(self.now) if at is None else at,
        )
        return replace(standing, forced=self.preview.arms) if self.preview else standing

    @cached_property
    def usual_mode(self) -> str:
        """How slots of the page are delivered whose tag does not say it."""
        return settings.DELIVERY

    @cached_property
    def ticket(self) -> Ticket | None:
        """What a cookie says is looked at, whoever shows it: no cache may have any part in
        such a request."""
        return read_ticket(self.cookies)

    @cached_property
    def used_ticket(self) -> Ticket | None:
        """The same, if whoever shows it is logged in and may use it."""
        ticket, user = self.ticket, getattr(self.request, "user", None)
        if ticket is None or user is None:
            return None
        valid = attempt(lambda: valid_for(ticket, user), otherwise=False, what="Asking for staff")
        return ticket if valid else None

    @property
    def preview(self) -> Preview | None:
        """What a member of the staff pretends, if somebody does."""
        if self._pretends is None and self.used_ticket is not None:
            self._pretends = preview_of(self.used_ticket)
        return self._pretends

    def pretend(self, preview: Preview) -> None:
        """Decide from now on as for somebody else: where a CMS shows its editors a page."""
        self._pretends = preview
        self.__dict__.pop("_is_current", None)
        self.look_again()

    def look_closer(self) -> None:
        """Ask once more who is logged in, and forget what was answered before that was known."""
        if self.ticket is not None:
            self.__dict__.pop("used_ticket", None)
            self.__dict__.pop("_is_current", None)
            self.look_again()

    @property
    def inspected(self) -> bool:
        """Whether staff look into this page."""
        return self.preview is not None or self.used_ticket is not None

    @cached_property
    def published_segments(self) -> Collection[str] | None:
        """The slugs of all active segments; None when they cannot be read."""
        return attempt(lambda: published_now().segments, otherwise=None, what="Reading segments")

    @cached_property
    def _id(self) -> str | None:
        return read_visitor_id(self.cookies)

    @cached_property
    def _answer(self) -> frozenset[str] | None:
        return answered(self.cookies, self.request.META)

    @cached_property
    def _objects(self) -> bool:
        """Whether the browser objects, and nothing was agreed to in spite of that."""
        return not self._answer and objects(self.request.META)

    @cached_property
    def _overlap(self) -> str:
        return settings.OVERLAP

    @cached_property
    def _view(self) -> View | None:
        """What the visitor looks at; nobody we know looks at nothing."""
        if self._id is None:
            return None
        return View(self.request, self._id, self._answer, self.now)

    @cached_property
    def _known(self) -> Known:
        if (preview := self.preview) is not None:
            return attempt(
                lambda: preview.pretended(
                    context=lambda: request_context(self.request), now=self.now
                ),
                otherwise=NOBODY,
                what="Reading what is previewed",
                failed=self._note_failure,
            )
        assert self._id is not None
        visitor_id = self._id
        return attempt(
            lambda: read_visitor(
                visitor_id, context=lambda: request_context(self.request), now=self.now
            ),
            otherwise=NOBODY,
            what="Reading the visitor",
            failed=self._note_failure,
        )

    def _note_failure(self, error: Exception) -> None:
        self.failures[WHOLE_PAGE] = f"{type(error).__name__}: {error}"

    @property
    def _unit(self) -> str:
        if self.preview is not None and self.used_ticket is not None:
            return lot_of(self.used_ticket)
        return self._known.unit

    @property
    def _consented(self) -> bool:
        return self._is_current and Purpose.PERSONALIZATION.value in self._known.consents

    @cached_property
    def _is_current(self) -> bool:
        """Whether the visitor has answered the policy as it stands, and not an earlier one, and
        the browser does not object to it."""
        if self.preview is not None:
            return True
        return self._answer is not None and not self._objects

    def _may_use(self) -> bool:
        """Note that the page depends on the visitor, before anything is answered.

        Returns whether something personal may go into it: there is a visitor we
        know, and the headers say so or still can.
        """
        self.asked = True  # a fragment that is rendered late is for nobody else either
        if not self.sealed:
            self.beside = True
            self.used = self.used or self.known
        elif self.known and not self.used:
            metrics.count("slots.too_late")
        return self.used and self.known


@dataclass(frozen=True)
class Trace:
    """A decision with what it was made of, for whoever looks into the page."""

    place: Place
    decision: Decision
    steps: tuple[Step, ...]
    mode: str = "inline"


def visitor_of(request: HttpRequest | None) -> Visitor | None:
    """Return the visitor of a request that went through the middleware."""
    return getattr(request, "personalization", None)
