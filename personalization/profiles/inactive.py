"""Profiles of whom nothing is left but that they were here once."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from django.db.models import Exists, OuterRef, Q, QuerySet

from personalization.profiles.models import Identity, Profile, Snapshot


def inactive(*, before: datetime) -> QuerySet[Profile]:
    """Return the profiles of whom nothing happened since, and whom nothing needs.

    Those stay of whom an event is kept, who answered since, who were put into a segment by
    hand, and who refused under an id that may come again: a cookie ends, a user id does not.
    """
    gone = Q(snapshot__last_seen__lt=before) | Q(snapshot__last_seen=None, created_at__lt=before)
    return Profile.objects.filter(
        gone,
        ~Exists(_identities(events__isnull=False)),
        ~Exists(_identities(consents__recorded_at__gte=before)),
        ~Exists(_lasting_identities(consents__granted=False)),
        ~Exists(
            Profile.objects.filter(
                pk=OuterRef("pk"),
                memberships__settled=False,
                memberships__segment__kind="manual",
            )
        ),
    ).order_by("pk")


def _identities(**conditions: object) -> QuerySet[Identity]:
    return Identity.objects.filter(profile=OuterRef("pk"), **conditions)


def _lasting_identities(**conditions: object) -> QuerySet[Identity]:
    return _identities(**conditions).exclude(namespace=Identity.ANONYMOUS)


def hold_inactive(profile_ids: Collection[int]) -> None:
    """Have the worker wait that has an event of one of them; it then finds nobody, and begins
    a new profile. What it has stored before, whoever asks `inactive` from now on sees."""
    # In the order in which the worker locks them.
    held = Snapshot.objects.select_for_update().filter(pk__in=profile_ids).order_by("pk")
    list(held.values_list("pk", flat=True))
