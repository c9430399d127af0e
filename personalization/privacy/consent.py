"""Ask, record and look up what visitors agreed to."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from django.db import transaction
from django.db.models import Max, Q

from personalization import hints
from personalization.conf import settings
from personalization.privacy.models import Consent
from personalization.profiles.identity import Key, find_or_create
from personalization.profiles.locks import hold_profiles_of
from personalization.profiles.models import Identity
from personalization.types import ASKED_PURPOSES


@dataclass(frozen=True, slots=True)
class Answers:
    """The newest recorded answer to each purpose: the number of its record, and yes or no."""

    newest: Mapping[str, tuple[int, bool]] = field(default_factory=dict)

    @property
    def granted(self) -> frozenset[str]:
        return frozenset(purpose for purpose, (_, yes) in self.newest.items() if yes)

    @property
    def refused(self) -> frozenset[str]:
        return frozenset(self.newest) - self.granted

    def as_kept(self) -> dict[str, bool]:
        """Return what was agreed to, as a snapshot keeps it."""
        return dict.fromkeys(sorted(self.granted), True)

    def joined(self, other: Answers) -> Answers:
        """Return the answers of one person who gave both; to each purpose the newer counts."""
        both = [*self.newest.items(), *other.newest.items()]
        return Answers(dict(sorted(both, key=lambda answer: answer[1])))


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
        snapshot = hold_profiles_of([identity])[identity.profile_id]
        snapshot.consents = profile_consents(snapshot.pk)
        # Rules may ask for consent: an empty plan has the next refresh look again.
        snapshot.plan = ""
        snapshot.save(update_fields=("consents", "plan"))
        hints.hint(hints.REFRESH_SEGMENTS)
    return identity


def answers_of(profile_ids: Iterable[int]) -> dict[int, Answers]:
    """Return per profile the newest answer to each purpose, given on any device (one query).

    Profiles that never gave one are left out. A yes to another version of the policy
    is no answer to this one; a no stays a no.
    """
    newest = (
        Consent.objects.filter(identity__profile__in=list(profile_ids))
        .values("identity__profile", "purpose")
        .annotate(newest=Max("id"))
        .values("newest")
    )
    found: dict[int, dict[str, tuple[int, bool]]] = {}
    current = Q(granted=False) | Q(policy_version=settings.POLICY_VERSION)
    for profile_id, purpose, number, granted in Consent.objects.filter(
        current, id__in=newest
    ).values_list("identity__profile", "purpose", "id", "granted"):
        found.setdefault(profile_id, {})[purpose] = number, granted
    return {profile_id: Answers(answers) for profile_id, answers in found.items()}


def profile_consents(profile_id: int) -> dict[str, bool]:
    """Return what the profile agreed to, as its snapshot keeps it."""
    return answers_of([profile_id]).get(profile_id, NO_ANSWERS).as_kept()
