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


def find_snapshot(text: str) -> Snapshot | None:
    """Return the visitor with this profile id or the exact value of an identity."""
    found = _with_identities()
    is_id = text.isascii() and text.isdigit() and len(text) <= _ID_DIGITS
    if is_id and (snapshot := found.filter(pk=int(text)).first()):
        return snapshot
    named = sorted_identities(Identity.objects.filter(value=text)[:10])
    return found.filter(pk=named[0].profile_id).first() if named else None
