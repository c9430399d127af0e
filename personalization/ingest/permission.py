"""Whether events may be kept: by the newest answers of the visitors they name."""

from __future__ import annotations

from collections.abc import Iterable

from personalization import metrics
from personalization.ingest.arrival import Arrival
from personalization.privacy.consent import NO_ANSWERS, Answers, answers_of
from personalization.profiles.identity import find
from personalization.types import COLLECTING_PURPOSES


class Permissions:
    """The answers of everybody that `arrivals` name, looked up once (two queries)."""

    def __init__(self, arrivals: Iterable[Arrival]) -> None:
        self._identities = find(key for arrival in arrivals for key in arrival.keys)
        self._answers = answers_of({found.profile_id for found in self._identities.values()})

    def allow(self, arrival: Arrival, *, trusted: bool) -> bool:
        """Return whether the event may be kept; one that may not is counted.

        The site vouches for its own servers' visitors until they refuse; from a
        browser only a recorded yes counts.
        """
        given = self._given(arrival)
        allowed = bool(given.granted & COLLECTING_PURPOSES) or (
            trusted and not given.refused >= COLLECTING_PURPOSES
        )
        if not allowed:
            metrics.count("events.without_consent")
        return allowed

    def _given(self, arrival: Arrival) -> Answers:
        given = NO_ANSWERS
        for key in arrival.keys:
            if key in self._identities:
                profile_id = self._identities[key].profile_id
                given = given.joined(self._answers.get(profile_id, NO_ANSWERS))
        return given
