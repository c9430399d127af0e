"""What was really shown, as events: rules, caps and experiments count them like any other.

A decision is one event `Slot Shown`, however many candidates it shows: `variation` then holds
the keys of all of them, joined by “+”, as `Decision.variation` does. The id of the decision is
the id of the message, and the source is that of the tracker, so that a browser which reports
the same decision adds nothing. A decision is of one visitor and one page that was seen: what
shows it to somebody else, or once more, needs an id of its own.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property, partial

from django.core.exceptions import DisallowedHost
from django.http import HttpRequest

from personalization.clock import microseconds
from personalization.conf import settings
from personalization.delivery.bots import is_bot
from personalization.delivery.choose import Decision
from personalization.delivery.exposure_queue import hand_over
from personalization.events.catalogue import SLOT_SHOWN
from personalization.events.models import Event
from personalization.experiments.trial import Assigned
from personalization.ingest.arrival import Arrival
from personalization.ingest.bots import NO_VIEWS, agent_of, verdict_on_request
from personalization.profiles.identity import Key
from personalization.profiles.models import Identity
from personalization.types import COLLECTING_PURPOSES, JsonObject, Microseconds

#: Of an address that is longer, the rest tells nothing.
_LONGEST = 2000


@dataclass(frozen=True)
class View:
    """A page that a visitor looks at, by which they agreed to `answer`: what is the same for all
    that it shows, worked out once, when something is shown that counts."""

    request: HttpRequest
    visitor_id: str
    answer: frozenset[str] | None
    at: datetime

    @cached_property
    def context(self) -> JsonObject | None:
        """The context of the events; None: nothing in the page counts.

        Nothing counts that no visitor looks at: what a program asks for, a HEAD request, a page
        that the browser fetches ahead. And nothing is noted of who has not agreed to be counted.
        """
        if not (self.answer or frozenset()) & COLLECTING_PURPOSES:
            return None
        return {"page": _page(self.request)} if _may_be_seen(self.request) else None

    @cached_property
    def delay(self) -> timedelta:
        return settings.EXPOSURE_DELAY

    @cached_property
    def key(self) -> Key:
        return Key(Identity.ANONYMOUS, self.visitor_id)

    @cached_property
    def instant(self) -> Microseconds:
        return microseconds(self.at)


def expose(decision: Decision, view: View) -> None:
    """Note that the visitor is shown what was decided, if that counts.

    What counts is a candidate that is shown, and whatever an experiment or a holdout assigned.
    """
    if not decision.assigned_or_shown:
        return
    note_shown(SLOT_SHOWN, properties_of(decision), message_id=decision.id, view=view)


def note_shown(name: str, properties: JsonObject, *, message_id: str, view: View) -> None:
    """Note as an event `name` what the visitor is shown, if anything in the page counts."""
    if view.context is not None:
        event = partial(_event, name, properties, message_id, view, view.context)
        hand_over(event, delay=view.delay)


def _event(
    name: str, properties: JsonObject, message_id: str, view: View, context: JsonObject
) -> Arrival:
    return Arrival(
        type=Event.Type.TRACK.value,
        name=name,
        properties=properties,
        context=context,
        at=view.instant,
        message_id=message_id,
        key=view.key,
    )


def _may_be_seen(request: HttpRequest) -> bool:
    agent = agent_of(request.headers, method=request.method or "")
    return verdict_on_request(agent) not in NO_VIEWS and not is_bot(request)


def properties_of(decision: Decision) -> JsonObject:
    """Return what the event says; of a default there is no variation to name."""
    return {
        "slot": decision.slot,
        **({"variation": decision.variation} if decision.candidate else {}),
        "decision_id": decision.id,
        "probability": decision.probability,
        "reason": decision.reason,
        **({"assigned": told_arms(decision.assigned)} if decision.assigned else {}),
    }


def told_arms(assigned: Iterable[Assigned], *, contexts: bool = True) -> JsonObject:
    """Return experiment or holdout → the arm, with the chance of it, and what a bandit that
    looks at visitors looked at, for it learns from that.

    Without `contexts` it is what a browser may be told: features and segments are not.
    """
    return {
        one.experiment: {
            "arm": one.arm,
            "probability": round(one.probability, 6),
            **({"context": dict(one.context)} if contexts and one.context else {}),
        }
        for one in assigned
    }


def _page(request: HttpRequest) -> JsonObject:
    """Return where it was shown, as trackers say it: by what stands in the address."""
    address = request.get_full_path()
    page = {"path": address.partition("?")[0][:_LONGEST]}
    with suppress(DisallowedHost):  # such a name belongs to nobody, and stands in no event
        page["url"] = request.build_absolute_uri(address)[:_LONGEST]
    return page
