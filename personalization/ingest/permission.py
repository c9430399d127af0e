"""Whether events may be kept: by the newest answers of the visitors they name."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Protocol

from personalization import metrics
from personalization.privacy.consent import NO_ANSWERS, Answers, answers_of
from personalization.profiles.identity import Key, find
from personalization.types import COLLECTING_PURPOSES


class Named(Protocol):
    """What names somebody: an arrival, or an event that is set aside."""

    @property
    def keys(self) -> tuple[Key, ...]: ...


class Permissions:
    """The answers of everybody that `events` name, looked up once (two queries)."""

    def __init__(self, events: Iterable[Named]) -> None:
        self._identities = find(key for event in events for key in event.keys)
        self._answers = answers_of({found.profile_id for found in self._identities.values()})

    @property
    def known(self) -> Collection[Key]:
        """The identities that there are."""
        return self._identities.keys()

    def allow(self, event: Named, *, trusted: bool) -> bool:
        """Return whether the event may be kept; one that may not is counted.

        The site vouches for its own servers' visitors until they refuse; from a
        browser only a recorded yes counts.
        """
        given = self._given(event)
        allowed = bool(given.granted & COLLECTING_PURPOSES) or (
            trusted and not given.refused >= COLLECTING_PURPOSES
        )
        if not allowed:
            metrics.count("events.without_consent")
        return allowed

    def _given(self, event: Named) -> Answers:
        given = NO_ANSWERS
        for key in event.keys:
            if key in self._identities:
                profile_id = self._identities[key].profile_id
                given = given.joined(self._answers.get(profile_id, NO_ANSWERS))
        return given
