"""What another consent tool says with an event: `context.consent.categoryPreferences`.

Source: Segment, "Consent in Segment Connections" and "Consent in Unify". Without preferences the
recorded answers count alone. Preferences that are there but empty agree to nothing; a category that
is missing, or is anything else than true, is refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from personalization.conf import settings
from personalization.types import ASKED_PURPOSES, COLLECTING_PURPOSES, Json, Microseconds, Purpose

#: The event by which a tool says that the visitor has changed an answer.
UPDATED: Final = "Segment Consent Preference Updated"
_CONSENT, _PREFERENCES = "consent", "categoryPreferences"


@dataclass(frozen=True, slots=True, kw_only=True)
class Preferences:
    """What an event states of the visitor's answers at its time.

    `explicit` is one that is the answer itself; others only repeat what the tool knows.
    One that `narrows` takes back and grants nothing new. `evidence` is what was stated, as far as
    we know the categories.
    """

    at: Microseconds
    granted: frozenset[str]
    explicit: bool = False
    narrows: bool = False
    evidence: Mapping[str, Json] = field(default_factory=dict)

    @property
    def allows(self) -> bool:
        """Whether the event may be kept, as far as it is up to this statement."""
        return bool(self.granted & COLLECTING_PURPOSES)

    @property
    def place(self) -> tuple[Microseconds, bool, int]:
        """What statements are ordered by; where nothing else decides, the narrower one counts."""
        return self.at, self.explicit, -len(self.granted)


def statement_of(
    context: Mapping[str, Any], *, name: str, at: Microseconds = 0
) -> Preferences | None:
    """Return what the event called `name` states in its context; None: nothing."""
    consent = context.get(_CONSENT)
    if not isinstance(consent, Mapping) or _PREFERENCES not in consent:
        return None
    stated = consent[_PREFERENCES]
    preferences: Mapping[str, Any] = stated if isinstance(stated, Mapping) else {}
    standing_for = {purpose: _categories(purpose, preferences) for purpose in ASKED_PURPOSES}
    known = {category for categories in standing_for.values() for category in categories}
    return Preferences(
        at=at,
        granted=frozenset(
            purpose.value
            for purpose, categories in standing_for.items()
            if categories and all(preferences.get(category) is True for category in categories)
        ),
        explicit=name == UPDATED,
        # Of other categories nothing is kept: they could be called anything.
        evidence={_PREFERENCES: {name: preferences.get(name) is True for name in sorted(known)}},
    )


def _categories(purpose: Purpose, preferences: Iterable[str]) -> frozenset[str]:
    """Return the categories that all have to be agreed to for the purpose; where there is none,
    it cannot be."""
    named = settings.CONSENT_CATEGORIES
    found = {category for category, purposes in named.items() if purpose.value in purposes}
    if purpose.value not in named and (not found or purpose.value in preferences):
        found.add(purpose.value)
    return frozenset(found)
