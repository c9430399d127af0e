"""Ask, record and look up what visitors agreed to."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from django.db import transaction
from django.db.models import F, Window
from django.db.models.functions import RowNumber

from personalization import hints
from personalization.conf import settings
from personalization.privacy.consent_log import UNSEEN, Asked, append_record
from personalization.privacy.models import Consent, Mechanism
from personalization.profiles.identity import Key, find_or_create
from personalization.profiles.locks import hold_profiles_of
from personalization.profiles.models import Identity, Snapshot
from personalization.profiles.suppressed import come_back
from personalization.types import ASKED_PURPOSES, COLLECTING_PURPOSES


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A recorded answer to one purpose: when and by which identity, and yes or no.

    `number` is that of its row: of two answers of one instant, the later row counts.
    """

    at: datetime
    number: int
    granted: bool
    policy_version: str
    identity_id: int = 0

    def counts(self, *, now: datetime) -> bool:
        """Return whether it is an answer still.

        A yes is none to another version of the policy, nor for ever; a no stays a no.
        """
        if not self.granted:
            return True
        is_current = self.policy_version == settings.POLICY_VERSION
        return is_current and self.at > now - settings.CONSENT_AGE

    @property
    def place(self) -> tuple[datetime, int, bool]:
        """What answers are ordered by; where nothing else decides, a no is the newer one."""
        return self.at, self.number, not self.granted


@dataclass(frozen=True, slots=True)
class Answers:
    """The newest answer to each purpose, by the purpose."""

    newest: Mapping[str, Answer] = field(default_factory=dict)

    @property
    def granted(self) -> frozenset[str]:
        return frozenset(purpose for purpose, each in self.newest.items() if each.granted)

    @property
    def refused(self) -> frozenset[str]:
        return frozenset(self.newest) - self.granted

    def as_kept(self) -> dict[str, bool]:
        """Return what was agreed to, as a snapshot keeps it."""
        return dict.fromkeys(sorted(self.granted), True)

    def joined(self, other: Answers) -> Answers:
        """Return the answers of one person who gave both; to each purpose the newer counts."""
        both = [*self.newest.items(), *other.newest.items()]
        return Answers(dict(sorted(both, key=lambda answer: answer[1].place)))

    def counting(self, *, now: datetime) -> Answers:
        """Return those that are answers still."""
        return Answers({name: each for name, each in self.newest.items() if each.counts(now=now)})


NO_ANSWERS = Answers()


def record_consent(
    key: Key,
    *,
    granted: Collection[str],
    mechanism: Mechanism,
    now: datetime,
    asked: Asked = UNSEEN,
) -> Identity:
    """Record an answer to every purpose: those in `granted` are agreed to, the rest refused.

    It goes into the consent log, too, with how it was asked.

    :raises IdentitySuppressed: when nothing may be kept of it, not even an answer.
    """
    with transaction.atomic():
        if COLLECTING_PURPOSES.intersection(granted):
            come_back(key, now=now)
        identity = find_or_create([key])[key]
        add_answer(identity, granted=granted, mechanism=mechanism, now=now, asked=asked)
        snapshot = hold_profiles_of([identity])[identity.profile_id]
        snapshot.consents = profile_consents(snapshot.pk, now=now)
        # Rules may ask for consent: an empty plan has the next refresh look again.
        snapshot.plan = ""
        snapshot.save(update_fields=("consents", "plan"))
        hints.hint(hints.REFRESH_SEGMENTS)
    return identity


def add_answer(
    identity: Identity,
    *,
    granted: Collection[str],
    mechanism: Mechanism,
    now: datetime,
    asked: Asked = UNSEEN,
) -> None:
    """Write an answer and its entry in the consent log, and nothing that follows from it."""
    key = Key(identity.namespace, identity.value)
    append_record(key, granted=granted, mechanism=mechanism, asked=asked, now=now)
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


def recorded_answers(profile_ids: Iterable[int]) -> dict[int, Answers]:
    """Return per profile the newest answer to each purpose, given on any device, whether it
    counts still or not (one query).

    Profiles that never gave one are left out.
    """
    return _newest("identity__profile", profile_ids)


def answers_on(identity_ids: Iterable[int]) -> dict[int, Answers]:
    """Return the same per identity: what was answered on one device."""
    return _newest("identity", identity_ids)


def _newest(whose: str, numbers: Iterable[int]) -> dict[int, Answers]:
    newest = Window(
        RowNumber(),
        partition_by=[F(whose), F("purpose")],
        order_by=[F("recorded_at").desc(), F("pk").desc()],
    )
    rows = Consent.objects.filter(**{f"{whose}__in": list(numbers)}).annotate(nth=newest)
    columns = {whose, "identity", "purpose", "recorded_at", "pk", "granted", "policy_version"}
    found: dict[int, dict[str, Answer]] = {}
    for row in rows.filter(nth=1).values(*columns):
        found.setdefault(row[whose], {})[row["purpose"]] = Answer(
            at=row["recorded_at"],
            number=row["pk"],
            granted=row["granted"],
            policy_version=row["policy_version"],
            identity_id=row["identity"],
        )
    return {owner: Answers(answers) for owner, answers in found.items()}


def answers_of(profile_ids: Iterable[int], *, now: datetime) -> dict[int, Answers]:
    """Return per profile the newest answers as far as they count at `now` (one query)."""
    recorded = recorded_answers(profile_ids)
    return {profile_id: answers.counting(now=now) for profile_id, answers in recorded.items()}


def profile_consents(profile_id: int, *, now: datetime) -> dict[str, bool]:
    """Return what the profile agreed to, as its snapshot keeps it."""
    return answers_of([profile_id], now=now).get(profile_id, NO_ANSWERS).as_kept()


def take_answers_over(snapshots: Collection[Snapshot], *, now: datetime) -> list[Snapshot]:
    """Have the snapshots say what was agreed to; return those that said something else.

    Rules may ask for consent: an empty plan has whoever comes next look again. The caller holds
    and saves them.
    """
    answers = answers_of([snapshot.pk for snapshot in snapshots], now=now) if snapshots else {}
    changed = []
    for snapshot in snapshots:
        consents = answers.get(snapshot.pk, NO_ANSWERS).as_kept()
        if snapshot.consents != consents:
            snapshot.consents, snapshot.plan = consents, ""
            changed.append(snapshot)
    return changed
