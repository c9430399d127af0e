"""Hold profiles: nobody else changes them, or whom they consist of, until commit."""

from __future__ import annotations

from collections.abc import Callable, Collection

from personalization.exceptions import PersonalizationError
from personalization.profiles.models import Identity, Snapshot

#: How often identities may move away under our eyes before the claim is begun anew.
TRIES = 5


class ProfileMoved(PersonalizationError):
    """Other workers keep moving the identities of these profiles; try again."""


def hold_profiles_of(identities: Collection[Identity]) -> dict[int, Snapshot]:
    """Return the snapshots of the identities' profiles by number, under lock.

    The `profile_id` of each identity is brought up to date: somebody may have moved it
    since it was read.

    :raises ProfileMoved: when they do not hold still.
    """

    def profiles() -> set[int]:
        refresh(identities)
        return {identity.profile_id for identity in identities}

    return hold({identity.profile_id for identity in identities}, profiles)


def hold(wanted: Collection[int], profiles: Callable[[], Collection[int]]) -> dict[int, Snapshot]:
    """Return the snapshots of the profiles that `profiles` names, under lock.

    `wanted` is what it named before; only under lock is its answer sure to last.

    :raises ProfileMoved: when its answer keeps changing.
    """
    held: dict[int, Snapshot] = {}
    for _ in range(TRIES):
        held |= _locked([pk for pk in wanted if pk not in held])
        wanted = profiles()
        if held.keys() >= set(wanted):
            return {pk: held[pk] for pk in wanted}
    raise ProfileMoved


def _locked(profile_ids: Collection[int]) -> dict[int, Snapshot]:
    """Lock always in the same order, so that no two workers wait for each other."""
    if not profile_ids:
        return {}
    snapshots = Snapshot.objects.select_for_update().filter(pk__in=profile_ids).order_by("pk")
    return {snapshot.pk: snapshot for snapshot in snapshots}


def refresh(identities: Collection[Identity]) -> None:
    """Bring the `profile_id` of the identities up to date (one query)."""
    rows = Identity.objects.filter(pk__in=[identity.pk for identity in identities])
    now = dict(rows.values_list("pk", "profile"))
    for identity in identities:
        if identity.pk not in now:  # erased meanwhile
            raise ProfileMoved
        identity.profile_id = now[identity.pk]
