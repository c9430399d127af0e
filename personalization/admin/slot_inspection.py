"""What the inspector of a page asks: why its visitor is in a segment, and what fills a slot."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from personalization.admin.personal_values import hidden_reasons, may_see_values
from personalization.admin.preview import require_preview
from personalization.admin.rule_json import NotJson, read_json
from personalization.admin.rule_preview import reason_json
from personalization.admin.rule_request import context_of, require_segments
from personalization.admin.wording import when_words
from personalization.clock import microseconds, moment
from personalization.delivery.inspector_slots import MOST, entries, names_of, traces_of
from personalization.delivery.pretended import serving_version
from personalization.delivery.preview import facts_pretended
from personalization.delivery.published import Candidate
from personalization.delivery.ticket import Ticket
from personalization.delivery.visitor import Visitor, visitor_of
from personalization.profiles.models import Identity, Snapshot
from personalization.rules.explain import sentence
from personalization.rules.nodes import Rule
from personalization.rules.state import Facts
from personalization.rules.whatif import suggestions
from personalization.segments.catalogue import catalogue
from personalization.segments.explanation import explain
from personalization.segments.live import LiveRules, live_rules
from personalization.segments.membership import facts_of
from personalization.segments.models import Segment
from personalization.types import Json, JsonObject


@require_POST
def why(request: HttpRequest) -> JsonResponse:
    """Answer why the visitor of the inspected page is in a segment or not."""
    require_segments(request)
    asked = _asked(request)
    slug = str(asked.get("segment") or "")
    segment = Segment.objects.listed().filter(slug=slug, active=True).first()
    if segment is None:
        message = _("There is no active segment “%(segment)s”.") % {"segment": slug}
        return JsonResponse({"message": message}, status=404)
    live = live_rules()
    version = serving_version(segment.pk, live)
    if version is None or version.rule is None:
        return JsonResponse({"message": _kept_otherwise(segment, live)})
    visitor = visitor_of(request)
    now = timezone.now()
    facts = _facts(visitor, live, now=now)
    if visitor is None or facts is None:
        said = {"sentence": sentence(version.rule, catalogue()), "message": _nobody(visitor)}
        return JsonResponse(said)
    facts = replace(facts, context={**context_of(asked.get("context")), **facts.context})
    return JsonResponse(
        _answer(
            version.rule,
            facts,
            now=_instant(visitor.used_ticket, now),
            with_values=may_see_values(request),
        )
    )


@require_POST
def inspect(request: HttpRequest) -> JsonResponse:
    """Answer how slots are decided that the browser fills, as the page has them."""
    require_preview(request)
    visitor = visitor_of(request)
    if visitor is None or not visitor.inspected:
        return JsonResponse({"slots": []})
    for slug, candidates in _slots(_asked(request).get("slots")):
        if visitor.known:
            visitor.decision(slug, candidates, in_browser=True)
        else:
            visitor.decide(slug, candidates)
    traces = traces_of(visitor)
    names = names_of(traces, ticket=visitor.used_ticket)
    return JsonResponse({"slots": entries(traces, names, visitor=visitor)})


def _asked(request: HttpRequest) -> Mapping[str, Json]:
    try:
        data = read_json(request.body)
    except NotJson:
        return {}
    return data if isinstance(data, Mapping) else {}


def _slots(value: Json) -> Iterator[tuple[str, list[Candidate]]]:
    """Yield the slots with the candidates of their templates; what has another shape is left out."""
    for each in _listed(value)[:MOST]:
        if isinstance(each, Mapping) and isinstance(each.get("slot"), str):
            candidates = (_candidate(one) for one in _listed(each.get("candidates")))
            yield str(each["slot"]), [one for one in candidates if one is not None]


def _candidate(value: Json) -> Candidate | None:
    if not isinstance(value, Mapping) or not isinstance(value.get("key"), str):
        return None
    segments = tuple(str(one) for one in _listed(value.get("segments")))
    return Candidate(segments, str(value["key"]))


def _listed(value: Any) -> list[Json]:
    return list(value) if isinstance(value, Sequence) and not isinstance(value, str) else []


def _facts(visitor: Visitor | None, live: LiveRules, *, now: datetime) -> Facts | None:
    """Return what rules look at of the visitor of the page; None where nothing is known."""
    if visitor is None:
        return None
    if visitor.used_ticket is not None and visitor.used_ticket.kind != "self":
        return facts_pretended(visitor.used_ticket, live, now=now)
    found = Snapshot.objects.filter(
        profile__identities__namespace=Identity.ANONYMOUS,
        profile__identities__value=visitor.cookie_id or "",
    ).first()
    return facts_of(found, live) if found else None


def _instant(ticket: Ticket | None, now: datetime) -> datetime:
    """Return when the visitor of the page comes."""
    if ticket is None:
        return now
    if ticket.kind == "visitor":
        return moment(ticket.enters_at)
    return now if ticket.at is None else moment(ticket.at)


def _answer(rule: Rule, facts: Facts, *, now: datetime, with_values: bool) -> JsonObject:
    known = catalogue()
    found = explain(rule, facts, known, now=now)
    ways: list[Json] = [way.words for way in suggestions(rule, facts, known, now=microseconds(now))]
    seen = found.reasons if with_values else hidden_reasons(found.reasons)
    reasons: list[Json] = [reason_json(reason) for reason in seen]
    return {
        "holds": found.holds,
        "sentence": found.sentence,
        "when": when_words(found),
        "reasons": reasons,
        "changes": ways,
    }


def _kept_otherwise(segment: Segment, live: LiveRules) -> str:
    if segment.pk in live.broken:
        return _("Its rule cannot be used: %(error)s") % {"error": live.broken[segment.pk]}
    return _("Its members are kept by hand.")


def _nobody(visitor: Visitor | None) -> str:
    ticket = visitor.used_ticket if visitor is not None else None
    if ticket is not None and ticket.kind == "segments":
        return _("Whether this visitor is in it was chosen when the preview began.")
    return _("Nothing is known of this visitor.")
