"""What this package holds of people."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar

from django.db.models import Model, Q, QuerySet
from django.dispatch import receiver
from django.utils.translation import gettext_lazy as _

from personalization.ingest.audience_models import AudienceCount, AudienceSalt, AudienceVisitor
from personalization.ingest.merges import resolve_profiles
from personalization.ingest.models import DeadLetter, HeldEvent, ImportRun, SchemaFinding
from personalization.profiles.needles import Needles, naming
from personalization.profiles.stores import (
    TO_PERSONALIZE,
    TO_RUN,
    Store,
    Subject,
    identities_lost,
    stores,
)
from personalization.profiles.told import told
from personalization.types import JsonObject

M = TypeVar("M", bound=Model)


@stores.register("dead letters")
class DeadLetters(Store):
    models = (DeadLetter,)
    holds = _("What you did and could not be read, until somebody has mended it.")
    used_for = TO_RUN
    kept_words = _("Until it is mended and 30 days longer, or too old to be.")

    def export(self, subject: Subject) -> Iterator[JsonObject]:
        return told(
            DeadLetter.objects.filter(_of(subject)),
            *("received_at", "message", "pointer", "body", "status"),
            reason="code",
        )

    def erase(self, subject: Subject) -> int:
        return DeadLetter.objects.filter(_of(subject)).delete()[0]

    def erase_slowly(self, subject: Subject) -> int:
        """Delete what could not be read well enough to say whose it is, and what others sent."""
        fields = ("body", "sender", "message", "message_id", "value", "pointer")
        return _delete_naming(DeadLetter.objects.order_by(), subject, fields=fields)


@stores.register("held events")
class HeldEvents(Store):
    models = (HeldEvent,)
    holds = _("The first page that you looked at, until a second one shows that you are no robot.")
    used_for = TO_PERSONALIZE
    kept_words = _("30 days at most.")

    def export(self, subject: Subject) -> Iterator[JsonObject]:
        return told(HeldEvent.objects.filter(_of(subject)), "received_at", event="arrival")

    def erase(self, subject: Subject) -> int:
        return HeldEvent.objects.filter(_of(subject)).delete()[0]

    def erase_slowly(self, subject: Subject) -> int:
        fields = ("arrival", "message_id", "value")
        return _delete_naming(HeldEvent.objects.order_by(), subject, fields=fields)


@stores.register("schema findings")
class SchemaFindings(Store):
    """Counts of what does not fit, each with an example, which may be somebody's."""

    models = (SchemaFinding,)
    holds = _("Examples of values that were not what they should be.")
    used_for = TO_RUN
    kept_words = _("30 days from when it was last found.")
    is_shown = False

    def erase(self, subject: Subject) -> int:
        """Take the example away where it is the subject's; what was counted stays."""
        needles = Needles.of(subject.keys)
        examples = naming(SchemaFinding.objects.order_by(), needles=needles, fields=("example",))
        return SchemaFinding.objects.filter(pk__in=[each.pk for each in examples]).update(
            example=""
        )

    def erase_slowly(self, subject: Subject) -> int:
        fields = ("event", "pointer", "code")
        return _delete_naming(SchemaFinding.objects.order_by(), subject, fields=fields)


@stores.register("imports")
class Imports(Store):
    models = (ImportRun,)
    holds = _("Names of files of events that were read in.")
    used_for = TO_RUN
    kept_for = timedelta(days=366)
    is_shown = False

    def erase(self, subject: Subject) -> int:
        """Take the name away where it names the subject: the digest still knows the file."""
        needles = Needles.of(subject.keys)
        runs = naming(ImportRun.objects.order_by(), needles=needles, fields=("name",))
        return ImportRun.objects.filter(pk__in=[each.pk for each in runs]).update(name="")

    def overdue(self, *, before: datetime) -> QuerySet[ImportRun]:
        return ImportRun.objects.filter(finished_at__lt=before).order_by("pk")


@stores.register("audience")
class Audience(Store):
    """Counts; until the next day also digests that nobody can be found by without the salt."""

    models = (AudienceCount, AudienceVisitor, AudienceSalt)
    holds = _("How often pages were looked at, by nobody in particular.")
    used_for = TO_RUN
    #: The CNIL's 25 months.
    kept_for = timedelta(days=761)
    is_shown = False

    def overdue(self, *, before: datetime) -> QuerySet[AudienceCount]:
        return AudienceCount.objects.filter(day__lt=before.date()).order_by("pk")


@receiver(identities_lost)
def _part(*, profile_ids: Collection[int], now: datetime, **_: Any) -> None:
    """Part whom only an erased identity made one person."""
    resolve_profiles(profile_ids, now=now)


def _delete_naming(rows: QuerySet[M], subject: Subject, *, fields: Sequence[str]) -> int:
    """Delete the rows in whose fields an id of the subject stands; return how many."""
    named = naming(rows, needles=Needles.of(subject.keys), fields=fields)
    return rows.filter(pk__in=[row.pk for row in named]).delete()[0]


def _of(subject: Subject) -> Q:
    """Return which rows name one of the subject's identities."""
    named = Q(pk__in=())
    for namespace in {key.namespace for key in subject.keys}:
        values = [key.value for key in subject.keys if key.namespace == namespace]
        named |= Q(namespace=namespace, value__in=values)
    return named
