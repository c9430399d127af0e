"""What is asked of an event once it can be read: not too old, a person's, of its schema."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from personalization.clock import microseconds, moment
from personalization.conf import settings
from personalization.events.catalogue import Schema
from personalization.events.models import Source
from personalization.events.schemas import Violation, check, schemas_in_force
from personalization.exceptions import EventRejected
from personalization.ingest.arrival import Arrival
from personalization.ingest.bots import BOTS, sentence, verdict_on_event, verdict_on_request
from personalization.ingest.identities import Sender
from personalization.types import Microseconds

#: Raises EventRejected.
Inspect: TypeAlias = Callable[[Arrival], None]


def pass_over(arrival: Arrival) -> None:
    """Ask nothing."""


VIEWS = ("Page Viewed", "Screen Viewed")
#: An answer is not to be longer than what it answers.
_TOLD = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """Looks at the events of one request.

    `verdict` is on the request as a whole, None where no bot can be meant; `schemas`
    is None where nothing has to fit.
    """

    oldest: Microseconds
    verdict: str | None
    schemas: Mapping[str, Schema] | None

    def __call__(self, arrival: Arrival) -> None:
        """
        :raises EventRejected: when the event may not go on.
        """
        if arrival.at < self.oldest:
            raise _too_old(arrival, self.oldest)
        if self.verdict is not None:
            _refuse_program(arrival, self.verdict)
        if self.schemas is not None:
            _refuse_misfit(arrival, self.schemas)


def inspection(*, source: Source, sender: Sender) -> Inspection:
    """Return what is asked of the events of a request (a query where they must fit a schema)."""
    fits = source.schemas == Source.Schemas.QUARANTINE
    agent = sender.agent
    if agent is not None and not settings.FILTER_BOTS:
        agent = None
    return Inspection(
        oldest=microseconds(sender.received_at - settings.RETENTION),
        verdict=verdict_on_request(agent) if agent else None,
        schemas=schemas_in_force() if fits else None,
    )


def _too_old(arrival: Arrival, oldest: Microseconds) -> EventRejected:
    return EventRejected(
        f"/timestamp: {moment(arrival.at):%Y-%m-%d} is longer ago than events are kept; "
        f"the earliest is {moment(oldest):%Y-%m-%d}.",
        code="too_old",
        pointer="/timestamp",
    )


def _refuse_program(arrival: Arrival, verdict: str) -> None:
    reason = verdict or verdict_on_event(
        arrival.context, properties=arrival.properties, is_view=arrival.name in VIEWS
    )
    if reason in BOTS:
        raise EventRejected(f"{sentence(reason)} ({reason})", code="bot")
    if reason:
        raise EventRejected(sentence(reason), code=reason)


def _refuse_misfit(arrival: Arrival, schemas: Mapping[str, Schema]) -> None:
    violations = check(arrival, schemas=schemas)
    if not violations:
        return
    first = violations[0]
    code = first.code if first.code == "unknown_event" else "schema_violation"
    raise EventRejected(_told(violations), code=code, pointer=first.pointer)


def _told(violations: Sequence[Violation]) -> str:
    sentences = [violation.message for violation in violations[:_TOLD]]
    if more := len(violations[_TOLD:]):
        sentences.append(f"So it is with {more} more.")
    return " ".join(sentences)
