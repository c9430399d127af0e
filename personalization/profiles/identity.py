"""Identities to profiles: find and create. Who is one person, `links.py` knows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from personalization.exceptions import IdentitySuppressed
from personalization.profiles.models import Identity, Profile, Snapshot
from personalization.profiles.suppressed import share, suppressed

#: Databases bound how many parameters a statement has.
_CHUNK = 5_000


@dataclass(frozen=True, slots=True, order=True)
class Key:
    """What an identity is known by."""

    namespace: str
    value: str


def find(keys: Iterable[Key]) -> dict[Key, Identity]:
    """Return the identities that exist."""
    wanted = list(dict.fromkeys(keys))
    found: dict[Key, Identity] = {}
    for start in range(0, len(wanted), _CHUNK):
        some = set(wanted[start : start + _CHUNK])
        rows = Identity.objects.filter(
            namespace__in={key.namespace for key in some}, value__in={key.value for key in some}
        )
        # Asked for together, or a client with many namespaces would make a condition of it
        # that no database reads; so it may be more than was asked for.
        found |= {key: row for row in rows if (key := Key(row.namespace, row.value)) in some}
    return found


def find_or_create(
    keys: Iterable[Key], *, known: Mapping[Key, Identity] = MappingProxyType({})
) -> dict[Key, Identity]:
    """Return an identity for each key; a new one gets a profile of its own. Those `known`
    were found in this transaction before.

    Another worker may create the same one at the same time: the first insert
    wins, and the profile made for the other is removed.

    :raises IdentitySuppressed: when one of those that are missing may not come back.
    """
    keys = sorted(set(keys))
    share()
    found = {key: known[key] for key in keys if key in known}
    found |= find(key for key in keys if key not in known)
    missing = [key for key in keys if key not in found]
    if not missing:
        return found
    if any(row.lifted_at is None for row in suppressed(missing).values()):
        raise IdentitySuppressed
    profiles = Profile.objects.bulk_create(Profile() for _ in missing)
    Identity.objects.bulk_create(
        (
            Identity(profile=profile, namespace=key.namespace, value=key.value)
            for key, profile in zip(missing, profiles, strict=True)
        ),
        ignore_conflicts=True,
    )
    found |= find(missing)
    used = {found[key].profile_id for key in missing}
    Snapshot.objects.bulk_create(
        Snapshot(profile=profile) for profile in profiles if profile.pk in used
    )
    Profile.objects.filter(pk__in=[p.pk for p in profiles if p.pk not in used]).delete()
    return found
