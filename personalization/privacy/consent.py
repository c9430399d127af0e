"""Ask, record and look up what visitors agreed to."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import Max

from personalization import hints
from personalization.conf import settings
from personalization.privacy.models import Consent
from personalization.profiles.identity import Key, find_or_create
from personalization.profiles.models import Identity, Snapshot
from personalization.types import ASKED_PURPOSES


@dataclass(frozen=True, slots=True)
class Answers:
    """The newest recorded answers of one identity."""

    granted: frozenset[str] = frozenset()
    refused: frozenset[str] = frozenset()


NO_ANSWERS = Answers()


def record_consent(
    key: Key, *, granted: Collection[str], mechanism: Consent.Mechanism, now: datetime
) -> Identity:
    """Record an answer to every purpose: those in `granted` are agreed to, the rest refused."""
    with transaction.atomic():
        identity = find_or_create([key])[key]
        Consent.objects.bulk_create(
            Consent(
                identity=identity,
                purpose=purpose.value,
                granted=purpose.value in granted,
                policy_version=settings.POLICY_VERSION,
                mechanism=mechanism,
                recorded_at=now,
            )
            for purpose in ASKED_PURPOSES
        )
        snapshot = Snapshot.objects.select_for_update().get(profile=identity.profile_id)
        snapshot.consents = profile_consents(identity.profile_id)
        # Rules may ask for consent: an empty plan has the next refresh look again.
        snapshot.plan = ""
        snapshot.save(update_fields=("consents", "plan"))
        hints.hint(hints.REFRESH_SEGMENTS)
    return identity


def answers_of(identity_ids: Iterable[int]) -> dict[int, Answers]:
    """Return the newest answers of each identity that ever gave one (one query)."""
    newest = (
        Consent.objects.filter(identity__in=list(identity_ids))
        .values("identity", "purpose")
        .annotate(newest=Max("id"))
        .values("newest")
    )
    found: dict[int, dict[str, bool]] = {}
    for identity_id, purpose, granted in Consent.objects.filter(id__in=newest).values_list(
        "identity", "purpose", "granted"
    ):
        found.setdefault(identity_id, {})[purpose] = granted
    return {identity_id: _answers(purposes) for identity_id, purposes in found.items()}


def _answers(purposes: dict[str, bool]) -> Answers:
    granted = frozenset(purpose for purpose, yes in purposes.items() if yes)
    return Answers(granted, frozenset(purposes) - granted)


def profile_consents(profile_id: int) -> dict[str, bool]:
    """Return what the profile agreed to: per purpose its newest answer on any device."""
    consents: dict[str, bool] = {}
    for purpose, granted in (
        Consent.objects.filter(identity__profile=profile_id)
        .order_by("id")
        .values_list("purpose", "granted")
    ):
        consents[purpose] = granted
    return {purpose: True for purpose, granted in consents.items() if granted}
