"""Which identities a new link or verdict can move, held until they are moved.

What was said earlier than `since` has had its effect already, and a new link changes
nothing before the instant it was stated at. So it can move only those that are reached
from its two ends over profiles and over links stated since then, which in a live stream
are the two profiles and nobody else, however long the history of a shared device is.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q

from personalization.clock import microseconds
from personalization.profiles.identity import Key
from personalization.profiles.locks import hold_numbers, refresh
from personalization.profiles.models import Identity, IdentityLink, LinkVerdict
from personalization.profiles.resolve import Limits, Link, Resolution, Verdict, resolve

#: A database looks each of some ends up with each of the others. Of more than so many it
#: is asked for all links of one end, of fewer it must not be: a shared device has very many.
FEW = 200


@dataclass(frozen=True)
class Region:
    """Identities by number, with all others of their profiles; the profiles are locked."""

    identities: Mapping[int, Identity]

    @property
    def by_key(self) -> dict[Key, Identity]:
        return {key_of(identity): identity for identity in self.identities.values()}


def key_of(identity: Identity) -> Key:
    return Key(identity.namespace, identity.value)


def hold_region(
    start: Collection[int], *, since: datetime | None, along: Collection[Identity] = ()
) -> Region:
    """Return what can move when something is said of the identities numbered in `start`.

    `since` is the earliest instant that it was stated at; None: before everything else.
    The profiles of `along` are locked too, because the caller needs them later and one
    order of locking has to do for all; their `profile_id` is brought up to date.

    :raises ProfileMoved: when others keep moving them.
    """
    identities: dict[int, Identity] = {}

    def profiles() -> set[int]:
        identities.clear()
        identities.update(_reached(start, since=since))
        refresh(along)
        return {identity.profile_id for identity in (*identities.values(), *along)}

    hold_numbers(profiles(), profiles)
    return Region(identities)


def read_region(start: Collection[int]) -> Region:
    """Return the same of everything that was ever said, for looking only: nothing is locked."""
    return Region(_reached(start, since=None))


def _reached(start: Collection[int], *, since: datetime | None) -> dict[int, Identity]:
    reached: dict[int, Identity] = {}
    ahead = set(start)
    while ahead:
        profiles = Identity.objects.filter(pk__in=ahead).values("profile")
        found = {each.pk: each for each in Identity.objects.filter(profile__in=profiles)}
        reached |= found
        ahead = _linked(found, since=since) - reached.keys()
    return reached


def _linked(found: Collection[int], *, since: datetime | None) -> set[int]:
    """Return the numbers of all that something was said of together with one of `found`."""
    touching = Q(one__in=found) | Q(other__in=found)
    links = IdentityLink.objects.filter(touching)
    if since is not None:
        links = links.filter(stated_at__gte=since)
    pairs = links.values_list("one", "other")
    if since is None:  # verdicts come before everything else
        pairs = pairs.union(LinkVerdict.objects.filter(touching).values_list("one", "other"))
    return {number for pair in pairs for number in pair}


def resolve_region(region: Region, *, limits: Limits) -> tuple[Resolution, dict[Link, int]]:
    """Return who is one person now, and the number of each link that was looked at.

    Links and verdicts with others than these are left out: they were refused before,
    and what refused them has not changed.
    """
    keys = {number: key_of(identity) for number, identity in region.identities.items()}
    rows = IdentityLink.objects.filter(one__in=keys)
    if len(keys) <= FEW:
        rows = rows.filter(other__in=keys)
    links = {
        Link(keys[one], keys[other], microseconds(at), message_id): number
        for number, one, other, at, message_id in rows.values_list(
            "pk", "one", "other", "stated_at", "message_id"
        )
        if other in keys
    }
    verdicts = [
        Verdict(keys[row.one_id], keys[row.other_id], row.together, microseconds(row.decided_at))
        for row in LinkVerdict.objects.filter(one__in=keys, other__in=keys)
    ]
    return resolve(keys.values(), links=links, verdicts=verdicts, limits=limits), links
