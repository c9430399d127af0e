"""What a member of the staff pretends to be while looking at the site: read-only, never counted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from personalization.clock import microseconds
from personalization.delivery.known import NOBODY, Known, known_of
from personalization.delivery.pretended import facts_after, facts_at, made_up, segments_of
from personalization.delivery.pretended_arms import arms_like, with_experiments
from personalization.delivery.published import (
    Published,
    current_revision,
    published,
    published_now,
)
from personalization.delivery.ticket import Ticket
from personalization.profiles.models import Snapshot
from personalization.rules.state import Facts
from personalization.segments.live import LiveRules, live_rules_at
from personalization.types import JsonObject, Microseconds, Purpose

EVERY_PURPOSE = frozenset(purpose.value for purpose in Purpose)
Context = Callable[[], JsonObject]


@dataclass(frozen=True, slots=True)
class Preview:
    """Somebody who is in exactly these segments, at the instant `at`; None: now.

    `arms` is experiment → the arm that is shown to them.
    """

    segments: frozenset[str] = frozenset()
    at: Microseconds | None = None
    arms: Mapping[str, str] = field(default_factory=dict)

    def pretended(self, *, context: Context = dict, now: datetime) -> Known:
        """Return what is known of them; `context` describes the request, for rules that ask."""
        return self._in_segments(self.segments, published_now())

    def _in_segments(self, segments: frozenset[str], config: Published) -> Known:
        config = with_experiments(config, self.arms)
        inside = segments | arms_like(segments, config.trials, self.arms)
        return replace(NOBODY, published=config, consents=EVERY_PURPOSE, segments=inside)


@dataclass(frozen=True, slots=True)
class _Segments(Preview):
    """The same, by ids: those that do not live any more are left out."""

    ids: frozenset[int] = frozenset()

    def pretended(self, *, context: Context = dict, now: datetime) -> Known:
        config = published_now()
        slugs = (slug for slug, pk in config.segments.items() if pk in self.ids)
        return self._in_segments(frozenset(slugs), config)


@dataclass(frozen=True, slots=True)
class _Pretended(Preview):
    """Somebody whose segments follow from all live rules."""

    ticket: Ticket | None = None

    def pretended(self, *, context: Context = dict, now: datetime) -> Known:
        known = self._by_rules(context, now)
        return replace(known, published=with_experiments(known.published, self.arms))

    def _by_rules(self, context: Context, now: datetime) -> Known:
        assert self.ticket is not None
        at = microseconds(now) if self.at is None else self.at
        if self.ticket.kind == "profile" and self.at is None:
            return _as_stored(self.ticket, context, now)
        revision = current_revision()
        live = live_rules_at(revision)
        facts = facts_pretended(self.ticket, live, now=now)
        if facts is None:
            return replace(NOBODY, published=published(revision))
        return Known(
            published=published(revision),
            consents=frozenset(name for name, yes in facts.consents.items() if yes is True)
            | _agreed(self.ticket),
            segments=segments_of(facts, live, at=at, context=context()),
            profile_id=self.ticket.profile,
        )


def preview_of(ticket: Ticket) -> Preview | None:
    """Return what is pretended with a ticket; None: nothing, only looked into."""
    if ticket.kind == "self":
        return None
    arms = dict(ticket.arms)
    if ticket.kind == "segments":
        return _Segments(at=ticket.at, arms=arms, ids=frozenset(ticket.segments))
    at = ticket.enters_at if ticket.kind == "visitor" else ticket.at
    return _Pretended(at=at, arms=arms, ticket=ticket)


def facts_pretended(ticket: Ticket, live: LiveRules, *, now: datetime) -> Facts | None:
    """Return what rules look at of whom is pretended; None where there are no such facts.

    Who is pretended by segments alone did nothing, and a profile may be gone.
    """
    if ticket.kind == "visitor":
        witness = made_up(ticket.segments[0], revision=live.revision, at=ticket.enters_at)
        return facts_after(witness.change, live) if witness else None
    if ticket.kind == "profile":
        snapshot = Snapshot.objects.filter(pk=ticket.profile).first()
        at = microseconds(now) if ticket.at is None else ticket.at
        return facts_at(snapshot, live, at=at) if snapshot else None
    return None


def steps_of(ticket: Ticket) -> tuple[str, ...]:
    """Return what somebody made up did, in plain words."""
    revision = current_revision()
    witness = made_up(ticket.segments[0], revision=revision, at=ticket.enters_at)
    return witness.steps if witness else ()


def lot_of(ticket: Ticket) -> str:
    """Return what chance is drawn by: for a profile what its own pages draw by; and for whom is
    made up, something else with each preview."""
    return str(ticket.profile) if ticket.kind == "profile" else f"preview:{ticket.begun}"


def _as_stored(ticket: Ticket, context: Context, now: datetime) -> Known:
    """Return what the pages of the profile itself would read just now."""
    snapshot = Snapshot.objects.filter(pk=ticket.profile).first()
    if snapshot is None:
        return replace(NOBODY, published=published_now())
    return known_of(snapshot, revision=current_revision(), context=context, now=now)


def _agreed(ticket: Ticket) -> frozenset[str]:
    """Return what somebody made up agreed to, so that anything is shown to them."""
    return frozenset({Purpose.PERSONALIZATION.value}) if ticket.kind == "visitor" else frozenset()
