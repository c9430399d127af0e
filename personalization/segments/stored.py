"""What this package holds of people."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db.models import QuerySet, TextField
from django.db.models.functions import Cast
from django.utils.translation import gettext_lazy as _

from personalization.profiles.needles import Needles
from personalization.profiles.stores import TO_PERSONALIZE, Store, Subject, stores
from personalization.profiles.told import told
from personalization.segments.models import Membership, WebhookDelivery
from personalization.types import JsonObject


@stores.register("memberships")
class Memberships(Store):
    models = (Membership,)
    holds = _("Which groups of visitors you belong to, since when and until when.")
    used_for = TO_PERSONALIZE
    kept_words = _("%(span)s after it ended.")
    #: After somebody has left; who is in a group stays in it.
    kept_for = timedelta(days=750)

    def export(self, subject: Subject) -> Iterator[JsonObject]:
        return told(
            Membership.objects.filter(profile__in=subject.profile_ids),
            *("since", "until"),
            group="segment__name",
            version="version__number",
        )

    def erase(self, subject: Subject) -> int:
        return Membership.objects.filter(profile__in=subject.profile_ids).delete()[0]

    def overdue(self, *, before: datetime) -> QuerySet[Membership]:
        return Membership.objects.filter(settled=True, until__lt=before).order_by("pk")


@stores.register("webhook deliveries")
class WebhookDeliveries(Store):
    models = (WebhookDelivery,)
    holds = _("What other systems of ours were told of the groups you entered and left.")
    used_for = TO_PERSONALIZE
    kept_for = timedelta(days=30)

    def erase(self, subject: Subject) -> int:
        """Take out what tells of the subject. What still waits is not told any more: listen to
        `profile_erased` to tell receivers that somebody is erased."""
        gone, n = subject.profile_ids | subject.former, 0
        for delivery in list(_telling_of(gone)):
            kept = [each for each in _changes(delivery) if each["profileId"] not in gone]
            n += len(_changes(delivery)) - len(kept)
            if kept:
                delivery.payload["changes"] = kept
                delivery.save(update_fields=("payload",))
            else:
                delivery.delete()
        return n

    def overdue(self, *, before: datetime) -> QuerySet[WebhookDelivery]:
        return WebhookDelivery.objects.filter(created_at__lt=before).order_by("pk")

    def search(self, needles: Needles) -> Iterator[str]:
        table = WebhookDelivery._meta.db_table
        yield from (f"{table}.payload: {each.pk}" for each in _telling_of(needles.profile_ids))

    def export(self, subject: Subject) -> Iterator[JsonObject]:
        for delivery in _telling_of(subject.profile_ids):
            # One delivery tells of many people: nobody sees of it what is not theirs.
            ours = [each for each in _changes(delivery) if each["profileId"] in subject.profile_ids]
            yield {
                "receiver": delivery.webhook.name,
                "created_at": delivery.created_at.isoformat(),
                "status": delivery.status,
                "changes": ours,
            }


def _telling_of(profile_ids: Collection[int]) -> Iterator[WebhookDelivery]:
    """Yield the deliveries that tell of one of the profiles."""
    deliveries = WebhookDelivery.objects.alias(text=Cast("payload", TextField()))
    for number in profile_ids:
        likely = deliveries.filter(text__contains=f'"profileId": {number}')
        for delivery in likely.select_related("webhook").order_by("pk").iterator():
            told_of = {each["profileId"] for each in _changes(delivery)}
            # Of several profiles in one delivery, the first yields it.
            if number in told_of and number == min(told_of.intersection(profile_ids)):
                yield delivery


def _changes(delivery: WebhookDelivery) -> Sequence[Mapping[str, Any]]:
    changes: Sequence[Mapping[str, Any]] = delivery.payload.get("changes", ())
    return changes
