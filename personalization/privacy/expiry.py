"""A yes is over after a while: rules and webhooks are to see that, and the log to say so."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from django.db import transaction
from django.db.models import Exists, OuterRef, Q

from personalization import hints
from personalization.conf import settings
from personalization.privacy.consent import (
    NO_ANSWERS,
    Answers,
    recorded_answers,
    take_answers_over,
)
from personalization.privacy.consent_log import UNSEEN, append_record
from personalization.privacy.models import Consent, Mechanism
from personalization.profiles.identity import Key
from personalization.profiles.models import Identity, Snapshot
from personalization.types import ASKED_PURPOSES

#: Profiles that are looked at in one transaction.
PORTION = 500


def expire_consents(*, now: datetime) -> int:
    """Have snapshots forget every yes that counts no more; return how many profiles had one.

    It is too old, or to another version of the policy. Six queries for each 500 profiles.
    """
    done, last = 0, 0
    while numbers := list(_outdated(now, after=last)):
        done += _expire(numbers, now=now)
        last = numbers[-1]
    return done


def _outdated(now: datetime, *, after: int) -> Iterator[int]:
    """Yield the numbers of snapshots that say yes to what nobody says yes to any more."""
    good = Consent.objects.filter(
        identity__profile=OuterRef("pk"),
        granted=True,
        policy_version=settings.POLICY_VERSION,
        recorded_at__gt=now - settings.CONSENT_AGE,
    )
    over = Q()
    for purpose in ASKED_PURPOSES:
        says_yes = Q(**{f"consents__{purpose.value}": True})
        over |= says_yes & Q(~Exists(good.filter(purpose=purpose.value)))
    rows = Snapshot.objects.filter(over, pk__gt=after).order_by("pk")
    yield from rows.values_list("pk", flat=True)[:PORTION]


@transaction.atomic
def _expire(numbers: list[int], *, now: datetime) -> int:
    held = Snapshot.objects.select_for_update().filter(pk__in=numbers).order_by("pk")
    changed = take_answers_over(held, now=now)
    recorded = recorded_answers(snapshot.pk for snapshot in changed)
    for snapshot in changed:
        _note(recorded.get(snapshot.pk, NO_ANSWERS), now=now)
    Snapshot.objects.bulk_update(changed, ("consents", "plan"))
    if changed:
        hints.hint(hints.REFRESH_SEGMENTS)
    return len(changed)


def _note(answers: Answers, *, now: datetime) -> None:
    """Log for each identity whose yes is over what is left of the answers of its profile."""
    left = answers.counting(now=now).granted
    over = {each.identity_id for each in answers.newest.values() if not each.counts(now=now)}
    for identity in Identity.objects.filter(pk__in=over).order_by("pk"):
        append_record(
            Key(identity.namespace, identity.value),
            granted=left,
            mechanism=Mechanism.EXPIRED,
            asked=UNSEEN,
            now=now,
        )
