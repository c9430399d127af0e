"""Hold profiles: nobody else changes them, or whom they consist of, until commit."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import TypeVar

from personalization.exceptions import PersonalizationError
from personalization.profiles.models import Identity, Snapshot

#: How often identities may move away under our eyes before the claim is begun anew.
TRIES = 5

T = TypeVar("T")


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
    return _hold(wanted, profiles, _locked_snapshots)


def hold_numbers(wanted: Collection[int], profiles: Callable[[], Collection[int]]) -> None:
    """Lock the same without reading them.

    :raises ProfileMoved: when the answer keeps changing.
    """
    _hold(wanted, profiles, _locked_numbers)


def _hold(
    wanted: Collection[int],
    profiles: Callable[[], Collection[int]],
    lock: Callable[[Collection[int]], Mapping[int, T]],
) -> dict[int, T]:
    held: dict[int, T] = {}
    for _ in range(TRIES):
        if missing := [pk for pk in wanted if pk not in held]:
            held |= lock(missing)
        wanted = profiles()
        if held.keys() >= set(wanted):
            return {pk: held[pk] for pk in wanted}
    raise ProfileMoved


# Always in the same order, so that no two workers wait for each other.


def _locked_snapshots(profile_ids: Collection[int]) -> dict[int, Snapshot]:
    snapshots = Snapshot.objects.select_for_update().filter(pk__in=profile_ids).order_by("pk")
    return {snapshot.pk: snapshot for snapshot in snapshots}


def _locked_numbers(profile_ids: Collection[int]) -> dict[int, None]:
    snapshots = Snapshot.objects.select_for_update().filter(pk__in=profile_ids).order_by("pk")
    return dict.fromkeys(snapshots.values_list("pk", flat=True))


def refresh(identities: Collection[Identity]) -> None:
    """Bring the `profile_id` of the identities up to date (one query)."""
    rows = Identity.objects.filter(pk__in=[identity.pk for identity in identities])
    now = dict(rows.values_list("pk", "profile"))
    for identity in identities:
        if identity.pk not in now:  # erased meanwhile
            raise ProfileMoved
        identity.profile_id = now[identity.pk]
