"""What this package holds of people."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import ClassVar

from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from personalization.profiles.identity import Key
from personalization.profiles.inactive import hold_inactive, inactive
from personalization.profiles.models import (
    Identity,
    IdentityLink,
    LinkVerdict,
    Merge,
    MergeSuggestion,
    Profile,
    Snapshot,
    Visit,
)
from personalization.profiles.needles import Needles, naming
from personalization.profiles.stores import (
    TO_PERSONALIZE,
    TO_PROVE,
    TO_RUN,
    Store,
    Subject,
    deleted,
    stores,
)
from personalization.profiles.suppressions import Suppression
from personalization.profiles.told import told
from personalization.types import JsonObject


@stores.register("suppressions")
class Suppressions(Store):
    """The list stays, and holds nobody's id: it is what keeps the erased from coming back."""

    models = (Suppression,)
    holds = _("Pseudonyms of those of whom nothing is collected any more.")
    used_for = TO_PROVE
    kept_words = _("Until somebody of the site takes it off the list.")
    is_shown = False


@stores.register("profiles")
class Profiles(Store):
    models = (Profile, Snapshot)
    holds = _("What your visits add up to: traits, counts, and what you agreed to.")
    used_for = TO_PERSONALIZE
    kept_words = _("%(span)s after the last visit.")
    #: After somebody was here for the last time, and with them all that belongs to them.
    kept_for = timedelta(days=750)

    def export(self, subject: Subject) -> Iterator[JsonObject]:
        snapshots = Snapshot.objects.filter(profile__in=subject.profile_ids)
        return told(
            snapshots,
            *("traits", "features", "sums", "counters", "first_seen", "last_seen"),
            agreed_to="consents",
            created_at="profile__created_at",
        )

    def erase(self, subject: Subject) -> int:
        return Profile.objects.filter(pk__in=subject.profile_ids).delete()[0]

    def overdue(self, *, before: datetime) -> QuerySet[Profile]:
        return inactive(before=before)

    def let_go(self, rows: QuerySet[Profile]) -> int:
        hold_inactive(list(rows.values_list("pk", flat=True)))
        # Asked anew under the lock: somebody may have come back.
        still = list(rows.values_list("pk", flat=True))
        return deleted(Profile.objects.filter(pk__in=still))


@stores.register("identities")
class Identities(Store):
    models = (Identity,)
    holds = _("The ids by which you are known: of your browsers, and of your account.")
    used_for = TO_PERSONALIZE

    def export(self, subject: Subject) -> Iterator[JsonObject]:
        ours = Identity.objects.filter(pk__in=subject.identity_ids)
        return told(ours, "namespace", "value", "created_at")

    def erase(self, subject: Subject) -> int:
        return Identity.objects.filter(pk__in=subject.identity_ids).delete()[0]


@stores.register("identity links")
class IdentityLinks(Store):
    models = (IdentityLink, LinkVerdict)
    holds = _("Which of your ids were said to be one person.")
    used_for = TO_PERSONALIZE

    def export(self, subject: Subject) -> Iterator[JsonObject]:
        # An id at the other end that is somebody else's stays theirs.
        ours = Q(one__in=subject.identity_ids, other__in=subject.identity_ids)
        ends = {"one": "one__value", "other": "other__value"}
        yield from told(IdentityLink.objects.filter(ours), "stated_at", **ends)
        yield from told(LinkVerdict.objects.filter(ours), "together", "decided_at", **ends)

    def erase(self, subject: Subject) -> int:
        ours = Q(one__in=subject.identity_ids) | Q(other__in=subject.identity_ids)
        verdicts, _ = LinkVerdict.objects.filter(ours).delete()
        return verdicts + IdentityLink.objects.filter(ours).delete()[0]


@stores.register("visits")
class Visits(Store):
    models = (Visit,)
    holds = _("When you were here, and for how long.")
    used_for = TO_PERSONALIZE

    def export(self, subject: Subject) -> Iterator[JsonObject]:
        visits = Visit.objects.filter(profile__in=subject.profile_ids)
        return told(visits, "started_at", "ended_at", "events")

    def erase(self, subject: Subject) -> int:
        return Visit.objects.filter(profile__in=subject.profile_ids).delete()[0]


@stores.register("merge suggestions")
class MergeSuggestions(Store):
    models = (MergeSuggestion,)
    holds = _("Guesses that somebody else we know may be you.")
    used_for = TO_PERSONALIZE
    kept_for = timedelta(days=366)

    def export(self, subject: Subject) -> Iterator[JsonObject]:
        # How likely it is, and not who the other one is.
        ours = Q(one__in=subject.profile_ids) | Q(other__in=subject.profile_ids)
        return told(MergeSuggestion.objects.filter(ours), "probability", "status", "created_at")

    def erase(self, subject: Subject) -> int:
        ours = Q(one__in=subject.profile_ids) | Q(other__in=subject.profile_ids)
        return MergeSuggestion.objects.filter(ours).delete()[0]

    def overdue(self, *, before: datetime) -> QuerySet[MergeSuggestion]:
        # Those that were dismissed stay, or they would be made again.
        open_ones = MergeSuggestion.objects.filter(status=MergeSuggestion.Status.OPEN)
        return open_ones.filter(created_at__lt=before).order_by("pk")


@stores.register("merge log")
class MergeLog(Store):
    """Of entries that tell of others as well, only the ids of the subject are taken out."""

    models = (Merge,)
    holds = _("When we found out that several ids are one person.")
    used_for = TO_RUN
    kept_for = timedelta(days=750)

    NAMING: ClassVar = ("identities", "others")

    def export(self, subject: Subject) -> Iterator[JsonObject]:
        for entry in _merges_of(subject.profile_ids | subject.former).order_by("pk"):
            moved = [key for key in entry.identities if Key(*key) in subject.keys]
            yield {"at": entry.at.isoformat(), "cause": entry.cause, "identities": moved}

    def erase(self, subject: Subject) -> int:
        whole, _ = _merges_of(subject.profile_ids | subject.former).delete()
        gone = {(key.namespace, key.value) for key in subject.keys}
        needles = Needles.of(subject.keys)
        entries = list(naming(Merge.objects.all(), needles=needles, fields=self.NAMING))
        for entry in entries:
            entry.identities = [key for key in entry.identities if tuple(key) not in gone]
            entry.others = [key for key in entry.others if tuple(key) not in gone]
            if entry.identities:
                entry.save(update_fields=self.NAMING)
            else:
                entry.delete()
        return whole + len(entries)

    def overdue(self, *, before: datetime) -> QuerySet[Merge]:
        return Merge.objects.filter(at__lt=before).order_by("pk")

    def search(self, needles: Needles) -> Iterator[str]:
        numbers = _merges_of(needles.profile_ids).values_list("pk", flat=True)
        yield from (f"personalization_merge.source_profile: {number}" for number in numbers)


def _merges_of(profile_ids: frozenset[int]) -> QuerySet[Merge]:
    return Merge.objects.filter(
        Q(source_profile__in=profile_ids) | Q(target_profile__in=profile_ids)
    )
