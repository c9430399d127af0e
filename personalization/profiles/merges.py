"""An operator's word: these profiles are one person, or a merge was wrong.

Both are kept as verdicts on identities, and who is one person is resolved again. Since
events belong to identities, an undo is exact: every event goes with its identity.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable

from personalization.exceptions import PersonalizationError
from personalization.profiles.identity import Key, find
from personalization.profiles.links import Pair, identity_limits, in_order
from personalization.profiles.models import Identity, LinkVerdict, Merge
from personalization.profiles.moves import Moves, Reason, settle
from personalization.profiles.region import hold_region, key_of, read_region, resolve_region


class MergeRefused(PersonalizationError):
    """These profiles cannot be merged."""


class UndoRefused(PersonalizationError):
    """This merge cannot be undone."""


def merge(one: int, other: int, *, reason: Reason) -> Moves:
    """Make two profiles one, whatever links and limits say; inside a transaction.

    :raises MergeRefused: when they are one already, or one of them does not exist.
    :raises ProfileMoved: when others keep moving the same identities.
    """
    if one == other:
        raise MergeRefused(f"Profile {one} cannot be merged with itself.")
    start = _numbers(Identity.objects.filter(profile__in=(one, other)))
    region = hold_region(start, since=None)
    wanted = [each for each in region.identities.values() if each.profile_id in (one, other)]
    for profile_id in (one, other):
        if all(each.profile_id != profile_id for each in wanted):
            raise MergeRefused(f"There is no profile {profile_id} with an identity.")
    given = _bind(wanted, reason)
    moves = settle(region, limits=identity_limits(), reason=reason)
    entry = next(each for each in moves.entries if each.source_profile in (one, other))
    LinkVerdict.objects.filter(pk__in=given).update(merge=entry)
    return moves


def undo(entry: Merge, *, reason: Reason) -> Moves:
    """Keep the identities that moved apart from those they met; inside a transaction.

    :raises UndoRefused: when it was undone before, or there is nobody to part from.
    :raises ProfileMoved: when others keep moving the same identities.
    """
    moved = find(Key(*key) for key in entry.identities)
    others = find(Key(*key) for key in entry.others)
    region = hold_region([each.pk for each in (*moved.values(), *others.values())], since=None)
    entry.refresh_from_db()  # asked under lock: two operators may have clicked
    if entry.undone_at is not None:
        raise UndoRefused(f"This merge was undone on {entry.undone_at:%Y-%m-%d}.")
    if not moved or not others:
        raise UndoRefused("Nobody is left that these identities could be parted from.")
    entry.verdicts.all().delete()
    _part(moved.values(), others.values(), reason)
    entry.undone_at = reason.at
    entry.save(update_fields=("undone_at",))
    return settle(region, limits=identity_limits(), reason=reason)


def resolve_again(profile_ids: Collection[int], *, reason: Reason) -> Moves:
    """Resolve anew whom the profiles consist of, as after a change of the limits.

    :raises ProfileMoved: when others keep moving the same identities.
    """
    start = _numbers(Identity.objects.filter(profile__in=profile_ids))
    return settle(hold_region(start, since=None), limits=identity_limits(), reason=reason)


def misplaced(profile_ids: Collection[int]) -> set[int]:
    """Return those profiles, and others they are linked with, that do not have exactly the
    identities that what was said makes one person."""
    region = read_region(_numbers(Identity.objects.filter(profile__in=profile_ids)))
    where = {key: identity.profile_id for key, identity in region.by_key.items()}
    resolution, _ = resolve_region(region, limits=identity_limits())
    profiles = [{where[key] for key in group} for group in resolution.groups]
    parts = Counter(profile_id for found in profiles for profile_id in found)
    torn = {profile_id for profile_id, n in parts.items() if n > 1}
    return torn.union(*(found for found in profiles if len(found) > 1))


def _numbers(identities: Iterable[Identity]) -> list[int]:
    return [identity.pk for identity in identities]


def _bind(identities: Collection[Identity], reason: Reason) -> list[int]:
    """Say of each of the identities that it is one person with the first.

    Returns the numbers of the verdicts that are new. What kept any two of them apart
    is taken back: the newest word counts.
    """
    ids = _numbers(identities)
    within = LinkVerdict.objects.filter(one__in=ids, other__in=ids)
    within.filter(together=False).delete()
    known = set(within.values_list("one", "other"))
    limits = identity_limits()
    first = min(identities, key=lambda each: limits.rank(key_of(each)))
    pairs = {in_order(first.pk, number) for number in ids if number != first.pk}
    return _give(pairs - known, reason, together=True)


def _part(moved: Iterable[Identity], others: Iterable[Identity], reason: Reason) -> None:
    pairs = {in_order(one.pk, other.pk) for one in moved for other in others}
    ends = {number for pair in pairs for number in pair}
    known = {
        (row.one_id, row.other_id): row.pk
        for row in LinkVerdict.objects.filter(one__in=ends, other__in=ends)
    }
    LinkVerdict.objects.filter(pk__in=[known[pair] for pair in pairs if pair in known]).delete()
    _give(pairs, reason, together=False)


def _give(pairs: Iterable[Pair], reason: Reason, *, together: bool) -> list[int]:
    verdicts = LinkVerdict.objects.bulk_create(
        LinkVerdict(
            one_id=one,
            other_id=other,
            together=together,
            decided_at=reason.at,
            decided_by=reason.by,
        )
        for one, other in sorted(pairs)
    )
    return [verdict.pk for verdict in verdicts]
