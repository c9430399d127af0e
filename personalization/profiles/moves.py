"""Move identities to the profiles of the groups they belong to, and log it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from personalization import bulk
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
    """Return the profile of each group: that of its user, else the oldest, else a new one.

    One that nothing is known of yet gives way to any other: somebody who logs in for the first
    time goes on as who they were, so that chance draws the same for them.
    """
    unknown = _nothing_known_of({*before.values()})
    wishes = {
        group: sorted((before[key] in unknown, limits.rank(key)[0], before[key]) for key in group)
        for group in groups
    }
    free = set(before.values())
    targets: dict[Group, int] = {}
    homeless: list[Group] = []
    for group in sorted(wishes, key=lambda group: (wishes[group][0], sorted(group))):
        chosen = next((profile_id for *_, profile_id in wishes[group] if profile_id in free), None)
        if chosen is None:
            homeless.append(group)
        else:
            free.discard(chosen)
            targets[group] = chosen
    return targets | dict(zip(homeless, _new_profiles(len(homeless)), strict=True))


def _nothing_known_of(profile_ids: Collection[int]) -> frozenset[int]:
    """Return those that no event and no answer has come to: they were made a moment ago."""
    untouched = Snapshot.objects.filter(pk__in=profile_ids, last_seen=None, consents={})
    return frozenset(untouched.values_list("pk", flat=True))


def _new_profiles(n: int) -> list[int]:
    profiles = Profile.objects.bulk_create(Profile() for _ in range(n))
    Snapshot.objects.bulk_create(Snapshot(profile=profile) for profile in profiles)
    return [profile.pk for profile in profiles]


def _point(identities: Mapping[Key, Identity], moved: Mapping[Key, int]) -> None:
    for key, profile_id in moved.items():
        identities[key].profile_id = profile_id
    rows = [{"id": identities[key].pk, "profile_id": to} for key, to in moved.items()]
    bulk.update(Identity, rows, key="id")


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
    moves = [
        (moved, group, source, target)
        for group, target in targets.items()
        for source, moved in _by_source(group, before, target)
    ]
    decisive = _decisive([moved for moved, *_ in moves], joining)
    entries = [
        Merge(
            source_profile=source,
            target_profile=target,
            identities=_written(moved),
            others=_written(group - moved),
            cause=reason.cause,
            link_id=numbers.get(link) if (link := decisive.get(moved)) else None,
            at=reason.at,
            by=reason.by,
        )
        for moved, group, source, target in moves
    ]
    return tuple(Merge.objects.bulk_create(entries))


def _by_source(group: Group, before: Mapping[Key, int], target: int) -> Iterator[tuple[int, Group]]:
    """Yield each profile from which some of the group go to `target`, with those."""
    sources: dict[int, set[Key]] = {}
    for key in group:
        if before[key] != target:
            sources.setdefault(before[key], set()).add(key)
    for source in sorted(sources):
        yield source, frozenset(sources[source])


def _decisive(moves: Iterable[Group], joining: Iterable[Link]) -> dict[Group, Link]:
    """Return for each of those that moved together the earliest link to anybody else."""
    of = {key: moved for moved in moves for key in moved}
    found: dict[Group, Link] = {}
    for link in joining:
        one, other = of.get(link.one), of.get(link.other)
        if one != other:
            for moved in (one, other):
                if moved is not None:
                    found.setdefault(moved, link)
    return found


def _written(keys: Iterable[Key]) -> list[list[str]]:
    return [[key.namespace, key.value] for key in sorted(keys)]
