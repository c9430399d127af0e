"""Synthetic visitors in the database: rows as if they had really come, for tests of a site."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from personalization.clock import microseconds, moment
from personalization.events.models import Event, Source
from personalization.exceptions import NoWitness
from personalization.profiles.models import Identity, Profile, Snapshot
from personalization.rules.change import Change
from personalization.rules.occurrence import Occurrence
from personalization.rules.witness import Witnesses, witnesses
from personalization.segments.manual import add_members, remove_members
from personalization.segments.models import Segment
from personalization.segments.population import linked
from personalization.segments.rebuild import rebuild_profiles


@dataclass(frozen=True, kw_only=True)
class SyntheticVisitor:
    """A stored visitor who is in a segment from `entered_at` on."""

    profile: Profile
    identity: Identity
    found: Witnesses

    @property
    def entered_at(self) -> datetime:
        assert self.found.enters is not None
        return moment(self.found.enters.change.at)

    def leave(self) -> datetime:
        """Let happen what makes the visitor leave; return when they have left.

        :raises NoWitness: if nothing is known that does.
        """
        if self.found.leaves is None:
            raise NoWitness(self.found.reason)
        return self.live(self.found.leaves.change)

    def live(self, change: Change) -> datetime:
        """Store what happens, and bring the profile to the end of it."""
        _refuse_what_cannot_be_stored(change)
        at = moment(change.at)
        events = [*_stated(change), *change.occurrences]
        Event.objects.bulk_create([self._row(event) for event in events])
        snapshot = Snapshot.objects.get(pk=self.profile.pk)
        for purpose, agreed in change.consents.items():
            snapshot.consents.pop(purpose, None)
            if agreed:
                snapshot.consents[purpose] = True
        snapshot.save(update_fields=["consents"])
        for slug, inside in change.memberships.items():
            group = Segment.objects.get(slug=slug)
            (add_members if inside else remove_members)(group, [self.profile.pk], now=at)
        rebuild_profiles([self.profile.pk], now=at)
        return at

    def _row(self, event: Occurrence) -> Event:
        source, _ = Source.objects.get_or_create(slug="synthetic", defaults={"name": "Synthetic"})
        return Event(
            identity=self.identity,
            source=source,
            type=event.type,
            name=event.name,
            properties=event.properties,
            timestamp=moment(event.at),
            message_id=f"{self.identity.value}{event.message_id}",
        )


def enter(segment: Segment, *, now: datetime) -> SyntheticVisitor:
    """Store a visitor who enters `segment`, at `now` if its rule lets them choose when.

    :raises NoWitness: if nobody was found who does, or who could be stored.
    """
    found = witnesses(linked(segment.rule), now=microseconds(now))
    if found.enters is None:
        raise NoWitness(found.reason)
    profile = Profile.objects.create()
    Snapshot.objects.create(profile=profile)
    identity = Identity.objects.create(
        profile=profile, namespace=Identity.ANONYMOUS, value=f"synthetic-{profile.pk}"
    )
    visitor = SyntheticVisitor(profile=profile, identity=identity, found=found)
    visitor.live(found.enters.change)
    return visitor


def _stated(change: Change) -> list[Occurrence]:
    """Return the event that states the traits, as a login would."""
    if not change.traits:
        return []
    return [Occurrence("identify", "", change.traits, change.at, f"~identify {change.at}")]


def _refuse_what_cannot_be_stored(change: Change) -> None:
    if change.features:
        names = ", ".join(change.features)
        raise NoWitness(f"A feature follows from other things and cannot be stored: {names}.")
    if change.context:
        names = ", ".join(change.context)
        raise NoWitness(f"What a request says is not stored; send it with the request: {names}.")
