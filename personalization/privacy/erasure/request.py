"""Ask for an erasure: everything that is at hand goes at once, in one transaction.

What takes longer — files, another server, the search and the receipt — follows in
`finish.py`. From the commit of this on, nothing of the identities is kept any more.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from functools import partial
from typing import Any

from django.db import transaction

from personalization import hints
from personalization.privacy import audit
from personalization.privacy.consent import profile_consents
from personalization.privacy.consent_log import UNSEEN, append_record
from personalization.privacy.models import AuditEntry, Consent, Erasure, Mechanism
from personalization.privacy.subjects import exactly, person_of
from personalization.profiles.identity import Key
from personalization.profiles.locks import hold_numbers
from personalization.profiles.models import Identity, Snapshot
from personalization.profiles.stores import Subject, identities_lost, stores
from personalization.profiles.suppressed import hold_alone, suppress
from personalization.profiles.suppressions import Suppression
from personalization.signals import profile_erased


def request_erasure(
    subject: Subject,
    *,
    channel: str,
    by: Any = None,
    now: datetime,
    reason: Suppression.Reason = Suppression.Reason.ERASED,
) -> Erasure:
    """Erase what is at hand of the subject, and see to it that the rest follows.

    `channel` is one of `Erasure.Channel`. Whoever is erased already gets another receipt.
    """
    with transaction.atomic():
        hold_alone()
        # Asked again, now that nobody can become one with somebody else any more.
        subject = person_of(subject.keys) if subject.is_whole else exactly(subject.keys)
        subject = _with_claims(subject)
        neighbours = _hold(subject)
        digests = suppress(subject.keys, reason=reason, now=now, by=by)
        _withdraw(subject, now=now)
        erased = _erase(subject)
        _look_again_at(neighbours, now=now)
        erasure = Erasure.objects.create(
            scope=Erasure.Scope.DEVICE if neighbours else Erasure.Scope.PERSON,
            channel=channel,
            requested_at=now,
            requested_by=by,
            subjects=digests,
            keys=[[key.namespace, key.value] for key in sorted(subject.keys)],
            former=sorted(subject.profile_ids | subject.former),
            erased=erased,
            next_at=now,
        )
        _tell(erasure, subject, by=by)
    return erasure


def _with_claims(subject: Subject) -> Subject:
    """Return the subject with what browsers sent that merely claimed to be its users."""
    users = [key.value for key in subject.keys if key.namespace == Identity.USER]
    claimed = exactly(Key(Identity.CLAIMED, value) for value in users)
    return Subject(
        keys=subject.keys | claimed.keys,
        identity_ids=subject.identity_ids | claimed.identity_ids,
        profile_ids=subject.profile_ids | claimed.profile_ids,
        former=subject.former | claimed.former,
    )


def _hold(subject: Subject) -> frozenset[int]:
    """Lock all profiles that lose something; return those that live on."""
    of_identities = Identity.objects.filter(pk__in=subject.identity_ids)
    touched = subject.profile_ids.union(of_identities.values_list("profile", flat=True))
    hold_numbers(touched, lambda: touched)
    return touched - subject.profile_ids


def _withdraw(subject: Subject, *, now: datetime) -> None:
    """Put into the consent log that the answers of each identity have ended."""
    answered = Consent.objects.filter(identity__in=subject.identity_ids)
    for identity in Identity.objects.filter(pk__in=answered.values("identity")):
        append_record(
            Key(identity.namespace, identity.value),
            granted=(),
            mechanism=Mechanism.ERASURE,
            asked=UNSEEN,
            now=now,
        )


def _erase(subject: Subject) -> dict[str, int]:
    """Have every store erase; return of which there was something, and how much."""
    # What others refer to was registered before them.
    counts = {name: store().erase(subject) for name, store in reversed([*stores.items()])}
    return {name: n for name, n in counts.items() if n}


def _look_again_at(profile_ids: Collection[int], *, now: datetime) -> None:
    """Have the profiles rebuilt that lost an identity, without what it answered."""
    for profile_id in profile_ids:
        Snapshot.objects.filter(pk=profile_id).update(
            consents=profile_consents(profile_id, now=now), plan=""
        )
    if profile_ids:
        identities_lost.send(Identity, profile_ids=profile_ids, now=now)
        hints.hint(hints.REFRESH_SEGMENTS)


def _tell(erasure: Erasure, subject: Subject, *, by: Any) -> None:
    audit.note(
        AuditEntry.Action.ERASED,
        actor=by,
        actor_name="" if by else str(Erasure.Channel(erasure.channel).value),
        kind="profile",
        name=erasure.subjects[0] if erasure.subjects else "",
        number=erasure.uid,
        scope=str(erasure.scope),
    )
    sent = partial(
        profile_erased.send_robust,
        sender=Erasure,
        uid=erasure.uid,
        profile_ids=subject.profile_ids | subject.former,
        keys=sorted((key.namespace, key.value) for key in subject.keys),
        at=erasure.requested_at,
    )
    transaction.on_commit(sent, robust=True)
    hints.hint(hints.FINISH_ERASURES)
