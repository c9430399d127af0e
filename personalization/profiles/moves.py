"""Move identities to the profiles of the groups they belong to, and log it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from personalization.profiles.identity import Key
from personalization.profiles.models import Identity, Merge, Profile, Snapshot
from personalization.profiles.region import Region, resolve_region
from personalization.profiles.resolve import Limits, Link


@dataclass(frozen=True)
class Moves:
    """What became of profiles.

    `merged` leads from each profile that has no identities any more to the one that has
    them; deleting it is left to the caller. `changed` are the profiles that gained or
    lost identities and live on: they are to be rebuilt.
    """

    merged: Mapping[int, int] = field(default_factory=dict)
    changed: frozenset[int] = frozenset()
    entries: tuple[Merge, ...] = ()


@dataclass(frozen=True)
class Reason:
    """Why identities move, for the log."""

    cause: Merge.Cause
    at: datetime
    by: Any = None


Group = frozenset[Key]


def settle(region: Region, *, limits: Limits, reason: Reason) -> Moves:
    """Resolve the region anew and move what is not where it belongs."""
    identities = region.by_key
    resolution, numbers = resolve_region(region, limits=limits)
    before = {key: identity.profile_id for key, identity in identities.items()}
    if _is_settled(resolution.groups, before):
        return Moves()
    targets = _targets(resolution.groups, before, limits)
    moved = {
        key: profile_id
        for group, profile_id in targets.items()
        for key in group
        if before[key] != profile_id
    }
    _point(identities, moved)
    entries = _log(targets, before, resolution.joining, numbers, reason)
    return _moves(before, moved, entries, limits)


def _is_settled(groups: Sequence[Group], before: Mapping[Key, int]) -> bool:
    """Return whether the groups are the profiles as they are."""
    profiles = [{before[key] for key in group} for group in groups]
    return all(len(ids) == 1 for ids in profiles) and len(groups) == len(set().union(*profiles))


def _targets(
    groups: Iterable[Group], before: Mapping[Key, int], limits: Limits
) -> dict[Group, int]:
    """Return the profile of each group: that of its user, else the oldest, else a new one."""
    wishes = {
        group: sorted((limits.rank(key)[0], before[key]) for key in group) for group in groups
    }
    free = set(before.values())
    targets: dict[Group, int] = {}
    homeless: list[Group] = []
    for group in sorted(wishes, key=lambda group: (wishes[group][0], sorted(group))):
        chosen = next((profile_id for _, profile_id in wishes[group] if profile_id in free), None)
        if chosen is None:
            homeless.append(group)
        else:
            free.discard(chosen)
            targets[group] = chosen
    return targets | dict(zip(homeless, _new_profiles(len(homeless)), strict=True))


def _new_profiles(n: int) -> list[int]:
    profiles = Profile.objects.bulk_create(Profile() for _ in range(n))
    Snapshot.objects.bulk_create(Snapshot(profile=profile) for profile in profiles)
    return [profile.pk for profile in profiles]


def _point(identities: Mapping[Key, Identity], moved: Mapping[Key, int]) -> None:
    for key, profile_id in moved.items():
        identities[key].profile_id = profile_id
    Identity.objects.bulk_update([identities[key] for key in moved], ["profile"])


def _moves(
    before: Mapping[Key, int],
    moved: Mapping[Key, int],
    entries: tuple[Merge, ...],
    limits: Limits,
) -> Moves:
    after = {**before, **moved}
    touched = {before[key] for key in moved} | set(moved.values())
    emptied = touched - set(after.values())
    merged: dict[int, int] = {}
    for key in sorted(moved, key=limits.rank):
        if before[key] in emptied:
            merged.setdefault(before[key], moved[key])
    return Moves(merged, frozenset(touched - emptied), entries)


def _log(
    targets: Mapping[Group, int],
    before: Mapping[Key, int],
    joining: Sequence[Link],
    numbers: Mapping[Link, int],
    reason: Reason,
) -> tuple[Merge, ...]:
    entries = [
        Merge(
            source_profile=source,
            target_profile=target,
            identities=_written(moved),
            others=_written(group - moved),
            cause=reason.cause,
            link_id=_decisive(moved, joining, numbers),
            at=reason.at,
            by=reason.by,
        )
        for group, target in targets.items()
        for source, moved in _by_source(group, before, target)
    ]
    return tuple(Merge.objects.bulk_create(entries))


def _by_source(
    group: Group, before: Mapping[Key, int], target: int
) -> Iterator[tuple[int, frozenset[Key]]]:
    """Yield each profile from which some of the group go to `target`, with those."""
    for source in sorted({before[key] for key in group} - {target}):
        yield source, frozenset(key for key in group if before[key] == source)


def _decisive(
    moved: frozenset[Key], joining: Sequence[Link], numbers: Mapping[Link, int]
) -> int | None:
    """Return the number of the earliest link by which those that moved came to the others."""
    for link in joining:
        if (link.one in moved) != (link.other in moved):
            return numbers[link]
    return None


def _written(keys: Iterable[Key]) -> list[list[str]]:
    return [[key.namespace, key.value] for key in sorted(keys)]
