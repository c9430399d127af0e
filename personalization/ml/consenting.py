"""Who agrees to what models are for; nobody else is learned from or scored."""

from __future__ import annotations

from collections.abc import Iterable

from personalization.profiles.models import Snapshot
from personalization.types import Purpose

#: What a filter of snapshots says for those who consent now.
CONSENTS = f"consents__{Purpose.PERSONALIZATION.value}"


def agrees(snapshot: Snapshot) -> bool:
    """Return whether somebody consents to personalization, as the snapshot says."""
    return snapshot.consents.get(Purpose.PERSONALIZATION.value) is True


def consenting(profile_ids: Iterable[int] | None = None) -> tuple[int, ...]:
    """Return which of the profiles, or of all that there are, consent to personalization now, by
    number (one query)."""
    agree = Snapshot.objects.filter(**{CONSENTS: True})
    if profile_ids is not None:
        agree = agree.filter(pk__in=list(profile_ids))
    return tuple(agree.order_by("pk").values_list("pk", flat=True))
