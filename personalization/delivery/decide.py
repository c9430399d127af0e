"""Many slots at once, for a browser that has the page already or for another front end.

The page depends on nothing that is decided here, so caches may keep it for everybody; the
answer is for one visitor and for no cache. Deciding counts for nothing: what is shown is
reported by who shows it, with the id of the decision as id of the message.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from django.http import HttpRequest

from personalization.clock import microseconds
from personalization.delivery.attempt import attempt
from personalization.delivery.bots import is_bot
from personalization.delivery.choose import Decision, choose
from personalization.delivery.decide_body import AskedSlot, Question
from personalization.delivery.exposures import properties_of, told_arms
from personalization.delivery.known import NOBODY, read_visitor
from personalization.delivery.listed import Make, with_lists
from personalization.delivery.page_request import as_of_page
from personalization.delivery.places import place_of
from personalization.delivery.published import (
    NOTHING,
    Candidate,
    Place,
    Published,
    published_now,
    remembered,
)
from personalization.delivery.recommendations import (
    List,
    Wanted,
    list_about,
    list_of,
    report_of,
)
from personalization.delivery.request_context import request_context
from personalization.delivery.triggers import rule_of
from personalization.delivery.visitor import Visitor
from personalization.events.catalogue import SLOT_SHOWN
from personalization.ingest.proof import PROOF, proof_of
from personalization.profiles.identity import Key
from personalization.types import Json, JsonObject, Purpose


@dataclass(frozen=True, kw_only=True)
class _Answers:
    """What is published, and how to decide and to list for somebody, whose `key` proves what they
    report; None: nobody is to report it. A server is told what bandits looked at (`contexts`)."""

    published: Published
    decide: Callable[[AskedSlot], Decision]
    make: Make
    key: Key | None
    now: datetime
    contexts: bool = False


def decided(
    request: HttpRequest, question: Question, *, now: datetime, trusted: bool = False
) -> list[JsonObject]:
    """Return the answer to each slot, in order: for whom the question names, or else for the
    visitor of the request. Read once; `trusted` who asks is believed about the visitor's browser.
    """
    page = as_of_page(request, question.page, trusted=trusted)
    if question.who is not None:
        answers = _about(question.who, page, now=now)
    else:
        answers = _of_visitor(Visitor(page, now=now), now=now)
    return [_told(slot, answers) for slot in question.slots]


def published_of(visitor: Visitor) -> Published:
    """Return what is published, as it was read along with the visitor, or else by itself.

    Of a visitor whom the database does not know, the one read tells nothing of it either.
    """
    if not visitor.known:
        return attempt(published_now, otherwise=NOTHING, what="Reading what is published")
    return _or_remembered(visitor.published)


def _or_remembered(published: Published) -> Published:
    return published if published is not NOTHING else remembered()


def _of_visitor(visitor: Visitor, *, now: datetime) -> _Answers:
    def decide(slot: AskedSlot) -> Decision:
        if not visitor.known:
            return Decision(slot.slug, None, "no_id")
        return visitor.decision(slot.slug, slot.candidates, in_browser=True)

    return _Answers(
        published=published_of(visitor),
        decide=decide,
        make=partial(list_of, visitor, expose=False),
        key=visitor.reporter,
        now=now,
    )


def _about(key: Key, page: HttpRequest, *, now: datetime) -> _Answers:
    """Answer for whom a server of the site names."""
    known = attempt(
        lambda: read_visitor(
            key.value, namespace=key.namespace, context=lambda: request_context(page), now=now
        ),
        otherwise=NOBODY,
        what="Reading who is named",
    )
    config = _or_remembered(known.published)
    standing = known.standing(
        consented=Purpose.PERSONALIZATION.value in known.consents,
        bot=is_bot(page),
        unit=known.unit,
        now=microseconds(now),
    )

    def decide(slot: AskedSlot) -> Decision:
        place = place_of(config, slot.slug, slot.candidates)
        return choose(place, standing, in_browser=True)

    def make(wanted: Wanted) -> List:
        return list_about(known, standing, wanted, now=now)

    return _Answers(published=config, decide=decide, make=make, key=key, now=now, contexts=True)


def _told(slot: AskedSlot, answers: _Answers) -> JsonObject:
    """Return the answer to one slot; one that cannot be decided leaves its neighbours alone."""
    config = answers.published
    place = config.slots.get(slot.slug)
    if place is None and not slot.candidates and config is not NOTHING:
        return _error(slot, "unknown_slot", f"There is no slot “{slot.slug}”.")
    decision = attempt(lambda: answers.decide(slot), otherwise=None, what=f"Slot {slot.slug}")
    if decision is None:
        return _error(slot, "failed", "This slot cannot be decided now: show its default.")
    decision, lists = with_lists(decision, answers.make)
    told: dict[str, Json] = {
        "slot": decision.slot,
        "variation": decision.variation,
        "content": content_of(decision.candidates),
        "reason": decision.reason,
        "probability": decision.probability,
        "decision_id": decision.id,
        **_of_report(decision, answers),
    }
    if lists:
        told["lists"] = [
            report_of(one, key=answers.key, now=answers.now, contexts=answers.contexts)
            for one in lists
        ]
    if decision.more:
        told["parts"] = [
            {"key": one.key, "content": content_of([one])} for one in decision.candidates
        ]
    if decision.assigned_or_shown and place is not None and place.trigger:
        told["trigger"] = _trigger(place)
    return told


def _of_report(decision: Decision, answers: _Answers) -> JsonObject:
    """Return what there is to report beside the decision itself, once it is shown."""
    told: dict[str, Json] = {}
    if decision.assigned:
        told["assigned"] = told_arms(decision.assigned, contexts=answers.contexts)
    if answers.key is not None and decision.assigned_or_shown:
        told[PROOF] = proof_of(
            SLOT_SHOWN,
            properties_of(decision),
            message_id=decision.id,
            key=answers.key,
            now=answers.now,
        )
    return told


def content_of(candidates: Sequence[Candidate]) -> str | None:
    """Return what the admin has for them; None where who asks has it all."""
    contents = [one.content for one in candidates if one.content]
    return "".join(contents) if contents else None


def _trigger(place: Place) -> JsonObject:
    return {
        "kind": place.trigger,
        "value": place.trigger_value,
        "presentation": place.presentation,
        "name": place.name,
        "rule": rule_of(place.trigger, value=place.trigger_value),
    }


def _error(slot: AskedSlot, code: str, message: str) -> JsonObject:
    return {"slot": slot.slug, "error": {"code": code, "message": message}}
