"""Whether events may be kept: by the newest answers of the visitors they name."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Protocol

from personalization import metrics
from personalization.clock import moment
from personalization.conf import settings
from personalization.ingest.arrival import Arrival
from personalization.privacy.consent import (
    NO_ANSWERS,
    Answer,
    Answers,
    add_answer,
    answers_on,
    recorded_answers,
)
from personalization.privacy.consent_log import Asked
from personalization.privacy.models import Mechanism
from personalization.privacy.preferences import Preferences
from personalization.profiles.identity import Key, find
from personalization.profiles.models import Identity
from personalization.types import ASKED_PURPOSES, COLLECTING_PURPOSES, STRICT

#: Stands for the number of a row that is yet to be written.
_LAST = sys.maxsize


class Named(Protocol):
    """What names somebody: an arrival, or an event that is set aside."""

    @property
    def keys(self) -> tuple[Key, ...]: ...


class Permissions:
    """The answers of everybody that `events` name, looked up once (two queries).

    `statements` are what other consent tools say of them now (one query more where there are
    some). One that is news counts here already, and is to be recorded with the events. `known`
    are the identities where somebody has looked them up (one query less).
    """

    def __init__(
        self,
        events: Iterable[Named],
        *,
        now: datetime,
        statements: Mapping[Key, Preferences] | None = None,
        known: Mapping[Key, Identity] | None = None,
    ) -> None:
        self._now = now
        keys = (key for event in events for key in event.keys)
        self._identities = find(keys) if known is None else known
        recorded = recorded_answers({found.profile_id for found in self._identities.values()})
        self._answers = {
            profile_id: answers.counting(now=now) for profile_id, answers in recorded.items()
        }
        self._news = self._news_among(statements) if statements else {}

    @property
    def known(self) -> Collection[Key]:
        """The identities that there are."""
        return self._identities.keys()

    def allow(self, event: Named, *, trusted: bool) -> bool:
        """Return whether the event may be kept; one that may not is counted.

        The site vouches for its own servers' visitors until they refuse, unless it is strict;
        from a browser only a recorded yes counts.
        """
        allowed = may_keep(self._given(event), trusted=trusted)
        if not allowed:
            metrics.count("events.without_consent")
        return allowed

    def take(self, arrival: Arrival, *, trusted: bool) -> bool:
        """The same of an arrival, which may speak against itself, or for its visitor."""
        if not speaks_for_itself(arrival):
            metrics.count("events.without_consent")
            return False
        return self.allow(arrival, trusted=trusted)

    def news_of(self, kept: Collection[Key]) -> dict[Key, Preferences]:
        """Return the statements to be recorded: of who is there, or comes by an event in `kept`.

        Of somebody unknown a refusal leaves no row: there is nobody to write it for.
        """
        return {
            key: said
            for key, said in self._news.items()
            if key in self._identities or (key in kept and said.allows)
        }

    def _given(self, event: Named) -> Answers:
        given = NO_ANSWERS
        for key in event.keys:
            given = given.joined(self._recorded(key))
            if key in self._news:
                said = _as_answers(self._news[key]).counting(now=self._now)
                given = given.joined(said)
        return given

    def _recorded(self, key: Key) -> Answers:
        identity = self._identities.get(key)
        return self._answers.get(identity.profile_id, NO_ANSWERS) if identity else NO_ANSWERS

    def _news_among(self, statements: Mapping[Key, Preferences]) -> dict[Key, Preferences]:
        """Leave out what is older than an answer that was given by the same identity, and what
        only repeats it."""
        numbers = {key: self._identities[key].pk for key in statements if key in self._identities}
        own = answers_on(numbers.values()) if numbers else {}
        news = {}
        for key, stated in statements.items():
            said = self._narrowed(key, stated) if stated.narrows else stated
            answers = own.get(numbers.get(key, 0), NO_ANSWERS)
            newest = max((each.at for each in answers.newest.values()), default=None)
            is_newer = newest is None or moment(said.at) > newest
            counting = answers.counting(now=self._now)
            repeats = bool(counting.newest) and counting.granted == said.granted
            if is_newer and (said.explicit or not repeats):
                news[key] = said
        return news

    def _narrowed(self, key: Key, said: Preferences) -> Preferences:
        return replace(said, granted=said.granted & self._recorded(key).granted)


def may_keep(given: Answers, *, trusted: bool) -> bool:
    """Return whether something may be kept of who gave these answers."""
    return bool(given.granted & COLLECTING_PURPOSES) or (
        vouches(trusted=trusted) and not given.refused >= COLLECTING_PURPOSES
    )


def vouches(*, trusted: bool) -> bool:
    """Return whether the site answers for visitors who were not asked."""
    return trusted and settings.PRIVACY != STRICT


def speaks_for_itself(arrival: Arrival) -> bool:
    """Return whether nothing about the event itself says that it may not be kept."""
    said = arrival.statement
    return not arrival.objected and (said is None or said.allows)


def changes_answer(arrival: Arrival) -> bool:
    """Return whether the event is to be read for the answer in it, whatever that is."""
    said = arrival.statement
    return said is not None and said.explicit


def statements_of(arrivals: Iterable[Arrival]) -> dict[Key, Preferences]:
    """Return for each identity the newest statement among those that events of it make.

    A browser that objects grants nothing new: whatever a tool says for it can only take back.
    """
    newest: dict[Key, Preferences] = {}
    for arrival in arrivals:
        said = arrival.statement
        if said is None:
            continue
        if arrival.objected:
            said = replace(said, narrows=True)
        if arrival.key not in newest or said.place > newest[arrival.key].place:
            newest[arrival.key] = said
    return newest


def record_statements(
    statements: Mapping[Key, Preferences], identities: Mapping[Key, Identity]
) -> None:
    """Write the answers that other consent tools stated, the oldest first; see
    `Permissions.news_of`."""
    for key, said in sorted(statements.items(), key=lambda each: each[1].place):
        add_answer(
            identities[key],
            granted=said.granted,
            mechanism=Mechanism.SEGMENT,
            now=moment(said.at),
            asked=Asked(evidence=said.evidence),
        )


def _as_answers(said: Preferences) -> Answers:
    return Answers(
        {
            purpose.value: Answer(
                at=moment(said.at),
                number=_LAST,
                granted=purpose.value in said.granted,
                policy_version=settings.POLICY_VERSION,
            )
            for purpose in ASKED_PURPOSES
        }
    )
