"""What is known of people and only those may read who may read traits: values, not names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from django.http import HttpRequest
from django.utils.translation import gettext_lazy

from personalization.privacy.encryption import is_sealed
from personalization.segments.explanation import Reason
from personalization.types import Json

#: Who may read traits of people, and what their events say.
PERMISSION = "personalization.see_traits"
HIDDEN, ENCRYPTED = gettext_lazy("hidden"), gettext_lazy("encrypted")


def may_see_values(request: HttpRequest) -> bool:
    return request.user.has_perm(PERMISSION)


def told_values(data: Json, *, seen: bool) -> Json:
    """Return JSON with the same names at the same places; values only where they are `seen`."""
    if isinstance(data, Mapping):
        return {name: told_values(value, seen=seen) for name, value in data.items()}
    if isinstance(data, list):
        return [told_values(value, seen=seen) for value in data]
    if is_sealed(data):
        return str(ENCRYPTED)
    return data if seen or data is None else str(HIDDEN)


def hidden_reasons(reasons: Iterable[Reason]) -> list[Reason]:
    """Return the lines of a trace without the values that they found."""
    return [
        replace(
            reason,
            actual=str(HIDDEN) if reason.personal else reason.actual,
            reasons=hidden_reasons(reason.reasons),
        )
        for reason in reasons
    ]
