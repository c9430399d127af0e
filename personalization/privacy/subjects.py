"""Whose data: a whole person, or one device of somebody with more of them."""

from __future__ import annotations

from collections.abc import Iterable

from personalization.profiles.identity import Key, find
from personalization.profiles.models import Identity, Merge
from personalization.profiles.stores import Subject


def person_of(keys: Iterable[Key]) -> Subject:
    """Return everything of the people that the identities belong to (three queries)."""
    asked = frozenset(keys)
    profile_ids = {identity.profile_id for identity in find(asked).values()}
    identities = list(Identity.objects.filter(profile__in=profile_ids))
    return Subject(
        keys=asked | {Key(each.namespace, each.value) for each in identities},
        identity_ids=frozenset(each.pk for each in identities),
        profile_ids=frozenset(profile_ids),
        former=_former(profile_ids),
    )


def device_of(key: Key) -> Subject:
    """Return what belongs to one identity and to nobody else (two queries)."""
    return exactly([key])


def exactly(keys: Iterable[Key]) -> Subject:
    """Return what belongs to these identities, with the profiles that consist of nothing else
    (two queries)."""
    asked = frozenset(keys)
    identities = find(asked).values()
    profile_ids = {identity.profile_id for identity in identities}
    others = Identity.objects.filter(profile__in=profile_ids).exclude(
        pk__in=[identity.pk for identity in identities]
    )
    whole = frozenset(profile_ids - set(others.values_list("profile", flat=True)))
    return Subject(
        keys=asked,
        identity_ids=frozenset(identity.pk for identity in identities),
        profile_ids=whole,
        former=_former(whole) if whole else frozenset(),
    )


def _former(profile_ids: Iterable[int]) -> frozenset[int]:
    """Return the numbers of the profiles that were merged into these, however often."""
    found: set[int] = set()
    asked = set(profile_ids)
    while asked:
        rows = Merge.objects.filter(target_profile__in=asked)
        asked = set(rows.values_list("source_profile", flat=True)) - found - asked
        found |= asked
    return frozenset(found)
