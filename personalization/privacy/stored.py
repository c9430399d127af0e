"""What this package holds of people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any, ClassVar

from django.apps import apps
from django.db.models import Exists, Max, Min, Model, OuterRef, Q, QuerySet
from django.utils.translation import gettext_lazy as _

from personalization.keys import pseudonyms
from personalization.privacy import caches
from personalization.privacy.consent_log import SUBJECT as CONSENT_SUBJECT
from personalization.privacy.models import AuditEntry, Consent, ConsentRecord, Erasure
from personalization.profiles.models import Identity, Profile
from personalization.profiles.needles import Needles, naming
from personalization.profiles.stores import (
    TO_PERSONALIZE,
    TO_PROVE,
    TO_RUN,
    Store,
    Subject,
    stores,
)
from personalization.profiles.told import told
from personalization.types import JsonObject

_YEARS = timedelta(days=366)


@stores.register("consents")
class Consents(Store):
    models = (Consent,)
    holds = _("What you agreed to and what you refused.")
    used_for = TO_PERSONALIZE
    #: After another answer has followed; the newest counts as long as the profile is.
    kept_for = _YEARS

    def export(self, subject: Subject) -> Iterator[JsonObject]:
        answers = Consent.objects.filter(identity__in=subject.identity_ids)
        return told(answers, "purpose", "granted", "policy_version", "mechanism", "recorded_at")

    def erase(self, subject: Subject) -> int:
        return Consent.objects.filter(identity__in=subject.identity_ids).delete()[0]

    def overdue(self, *, before: datetime) -> QuerySet[Consent]:
        newer = Consent.objects.filter(
            identity=OuterRef("identity"),
            purpose=OuterRef("purpose"),
            pk__gt=OuterRef("pk"),
            recorded_at__gte=OuterRef("recorded_at"),
        )
        return Consent.objects.filter(Exists(newer), recorded_at__lt=before).order_by("pk")


@stores.register("consent log")
class ConsentLog(Store):
    """It names nobody and stays: it proves what was asked and answered."""

    models = (ConsentRecord,)
    holds = _("The proof of each of your answers, under a pseudonym.")
    used_for = TO_PROVE
    kept_for = 5 * _YEARS

    def overdue(self, *, before: datetime) -> QuerySet[ConsentRecord]:
        """Return the beginning of the chain: what follows is as whole as before, and the
        newest entry stays for the next one to follow."""
        sealed = ConsentRecord.objects.exclude(place=None)
        ends = sealed.aggregate(
            kept=Min("place", filter=Q(recorded_at__gte=before)), newest=Max("place")
        )
        first_kept = ends["kept"] or ends["newest"] or 0
        return sealed.filter(place__lt=first_kept).order_by("place")

    def export(self, subject: Subject) -> Iterator[JsonObject]:
        names = [
            name
            for key in subject.keys
            for name in pseudonyms(CONSENT_SUBJECT, key.namespace, key.value)
        ]
        return told(
            ConsentRecord.objects.filter(subject__in=names),
            *("uid", "answers", "policy_version", "language", "mechanism", "region"),
            *("signals", "evidence", "recorded_at", "text_digest", "proof"),
        )


@stores.register("receipts")
class Receipts(Store):
    """Of whom was erased, pseudonyms stay; ids are kept until the work is done."""

    models = (Erasure,)
    holds = _("The proof of what was erased, under a pseudonym.")
    used_for = TO_PROVE
    kept_for = 3 * _YEARS
    is_shown = False
    searched_apart = frozenset({"keys", "former"})

    def overdue(self, *, before: datetime) -> QuerySet[Erasure]:
        done = Erasure.objects.filter(status=Erasure.Status.DONE)
        return done.filter(finished_at__lt=before).order_by("pk")

    def search(self, needles: Needles) -> Iterator[str]:
        """Whoever is still being erased has to be known by what works on it, and nobody else."""
        done = Erasure.objects.filter(status=Erasure.Status.DONE).order_by()
        fields = sorted(self.searched_apart)
        for row in naming(done, needles=needles, fields=fields):
            yield f"{Erasure._meta.db_table}.keys: {row.pk}"


@stores.register("audit log")
class AuditLog(Store):
    """It names people by pseudonyms only."""

    models = (AuditEntry,)
    holds = _("Who of us looked at or changed what we hold of you, under a pseudonym.")
    used_for = TO_PROVE
    kept_for = 2 * _YEARS
    is_shown = False

    def overdue(self, *, before: datetime) -> QuerySet[AuditEntry]:
        return AuditEntry.objects.filter(at__lt=before).order_by("pk")


@stores.register("admin log")
class AdminLog(Store):
    """The log that Django's admin keeps of changes, where the site has it."""

    holds = _("Which of your data somebody of us changed by hand.")
    used_for = TO_RUN
    kept_words = _("As long as the site keeps the log of its admin.")
    is_shown = False

    FIELDS: ClassVar = ("object_repr", "object_id", "change_message")

    def erase(self, subject: Subject) -> int:
        if (log := self._log()) is None:
            return 0
        about = _logged(Profile, subject.profile_ids | subject.former)
        about |= _logged(Identity, subject.identity_ids)
        named = naming(log.order_by(), needles=Needles.of(subject.keys), fields=self.FIELDS)
        about |= Q(pk__in=[entry.pk for entry in named])
        return int(log.filter(about).delete()[0])

    def search(self, needles: Needles) -> Iterator[str]:
        if (log := self._log()) is None:
            return
        about = log.filter(_logged(Profile, needles.profile_ids))
        named = naming(log.order_by(), needles=needles, fields=self.FIELDS)
        for number in {*about.values_list("pk", flat=True), *(entry.pk for entry in named)}:
            yield f"django_admin_log: {number}"

    def _log(self) -> Any:
        """Return the entries, or None on a site without Django's admin."""
        if not apps.is_installed("django.contrib.admin"):
            return None
        return apps.get_model("admin", "LogEntry")._default_manager.all()


@stores.register("caches")
class Caches(Store):
    """Entries by keys of our own; what the site itself puts into its caches is the site's."""

    holds = _("Counts of requests by pseudonym, and which versions of pages there are.")
    used_for = TO_RUN
    kept_words = _("Minutes, and a week for the versions of pages.")
    is_shown = False

    def erase_slowly(self, subject: Subject) -> int:
        return caches.remove(Needles.of(subject.keys))

    def search(self, needles: Needles) -> Iterator[str]:
        return caches.found(needles)

    def unsearched(self) -> Iterator[str]:
        yield from caches.unsearchable()


def _logged(model: type[Model], numbers: Iterable[int]) -> Q:
    """Return which entries are about the rows of the model with these numbers."""
    return Q(
        content_type__app_label=model._meta.app_label,
        content_type__model=model._meta.model_name,
        object_id__in=[str(number) for number in numbers],
    )
