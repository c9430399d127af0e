"""Finding and naming profiles for people who look for somebody."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from personalization.profiles.models import Identity, Profile, Snapshot

RECENT = 12
_SHORT = 8
_ID_DIGITS = 18  # more cannot be an id in any database

#: How much an identity tells about who somebody is, the best first.
_PREFERENCE = {Identity.USER: 0, Identity.ANONYMOUS: 2, Identity.CLAIMED: 3}


def sorted_identities(identities: Iterable[Identity]) -> list[Identity]:
    """Return the identities, the most telling first."""
    return sorted(identities, key=lambda each: (_PREFERENCE.get(each.namespace, 1), each.pk))


def label(profile: Profile) -> str:
    """Return what to call the profile; its identities should be prefetched."""
    identities = sorted_identities(profile.identities.all())
    if not identities:
        return _("Profile %(id)s") % {"id": profile.pk}
    return identity_label(identities[0])


def identity_label(identity: Identity) -> str:
    """Return the identity in few words; an anonymous id is shortened."""
    if identity.namespace == Identity.ANONYMOUS:
        return _("Anonymous %(id)s") % {"id": identity.value[:_SHORT]}
    if identity.namespace == Identity.CLAIMED:
        return _("Claims to be %(id)s") % {"id": identity.value}
    return identity.value


def _with_identities() -> QuerySet[Snapshot]:
    return Snapshot.objects.select_related("profile").prefetch_related("profile__identities")


def recent_snapshots() -> list[Snapshot]:
    """Return the visitors seen last (two queries)."""
    seen = _with_identities().exclude(last_seen=None)
    return list(seen.order_by("-last_seen")[:RECENT])


def find_profiles(texts: Iterable[str]) -> dict[str, int]:
    """Return the profile id of each text that is one, or the exact value of an identity.

    Texts that name nobody are left out (two queries).
    """
    texts = list(texts)
    numbers = {text: int(text) for text in texts if _may_be_id(text)}
    known = set(Snapshot.objects.filter(pk__in=numbers.values()).values_list("pk", flat=True))
    named = sorted_identities(Identity.objects.filter(value__in=texts))
    found = {identity.value: identity.profile_id for identity in reversed(named)}
    return found | {text: pk for text, pk in numbers.items() if pk in known}


def find_snapshot(text: str) -> Snapshot | None:
    """Return the visitor that `text` names."""
    profile_id = find_profiles([text]).get(text)
    return _with_identities().filter(pk=profile_id).first() if profile_id else None


def _may_be_id(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= _ID_DIGITS
