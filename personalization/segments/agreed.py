"""Whom a webhook may be told of: who agreed to what its receiver uses it for."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime

from personalization.clock import microseconds
from personalization.privacy.models import Consent
from personalization.profiles.models import Snapshot
from personalization.segments.models import Membership, Webhook
from personalization.segments.telling import Telling
from personalization.types import Purpose


def agreed_profiles(profile_ids: Iterable[int], *, purpose: str) -> frozenset[int]:
    """Return those of the profiles that agree to the purpose now (one query, none for what
    is necessary)."""
    asked = frozenset(profile_ids)
    if purpose == Purpose.NECESSARY or not asked:
        return asked
    agree = Snapshot.objects.filter(pk__in=asked, **{f"consents__{purpose}": True})
    return frozenset(agree.values_list("pk", flat=True))


def may_be_told(webhook: Webhook, told: Sequence[Telling]) -> list[Telling]:
    """Return what of `told` the webhook may hear: of who agrees; and the departure of who agreed
    when they came in, so that the receiver forgets them (three queries at most)."""
    agree = agreed_profiles({each.profile_id for each in told}, purpose=webhook.purpose)
    left = [each for each in told if not each.entered and each.profile_id not in agree]
    were_told = _agreed_on_entry(left, purpose=webhook.purpose) if left else ()
    return [each for each in told if each.profile_id in agree or each in were_told]


def _agreed_on_entry(left: Sequence[Telling], *, purpose: str) -> Collection[Telling]:
    entries = _entries(left)
    answers = _answers({each.profile_id for each in left}, purpose=purpose)
    return {
        each
        for each in left
        if (since := entries.get(each)) is not None
        and _answer_at(since, answers.get(each.profile_id, ()))
    }


def _entries(left: Sequence[Telling]) -> Mapping[Telling, datetime]:
    """Return when each began that ends with a departure."""
    spans: dict[tuple[int, int], list[datetime]] = {}
    rows = Membership.objects.filter(
        profile__in={each.profile_id for each in left},
        segment__in={each.segment_id for each in left},
    )
    for segment_id, profile_id, since in rows.values_list("segment", "profile", "since"):
        spans.setdefault((segment_id, profile_id), []).append(since)
    return {
        each: max(begun)
        for each in left
        if (
            begun := [
                since
                for since in spans.get((each.segment_id, each.profile_id), ())
                if microseconds(since) <= each.at
            ]
        )
    }


def _answers(
    profile_ids: Collection[int], *, purpose: str
) -> Mapping[int, Sequence[tuple[datetime, bool]]]:
    found: dict[int, list[tuple[datetime, bool]]] = {}
    rows = Consent.objects.filter(identity__profile__in=profile_ids, purpose=purpose)
    for profile_id, at, granted in rows.order_by("recorded_at", "pk").values_list(
        "identity__profile", "recorded_at", "granted"
    ):
        found.setdefault(profile_id, []).append((at, granted))
    return found


def _answer_at(instant: datetime, answers: Iterable[tuple[datetime, bool]]) -> bool:
    """Return the last of the answers, which are in the order of time, up to the instant."""
    granted = False
    for at, yes in answers:
        if at <= instant:
            granted = yes
    return granted
