"""What a rule as edited would do: its sentence, what is wrong with it, one visitor's trace.

The editor asks these views while somebody types. They use what production uses:
the same parser, the same SQL and the same evaluation in memory.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import cast

from django.http import HttpRequest, JsonResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from personalization.admin.audited import note_of_person
from personalization.admin.personal_values import hidden_reasons, may_see_values
from personalization.admin.rule_check import examine, line_of, message_of
from personalization.admin.rule_count import head_count, notes
from personalization.admin.rule_json import NotJson
from personalization.admin.rule_request import read_request, require_profiles, require_segments
from personalization.admin.visitors import find_snapshot, label, recent_snapshots
from personalization.admin.wording import when_words
from personalization.clock import microseconds
from personalization.exceptions import Problem
from personalization.privacy.models import AuditEntry
from personalization.profiles.models import Snapshot
from personalization.rules.catalogue import Catalogue
from personalization.rules.explain import sentence
from personalization.rules.lint import lint_rule
from personalization.rules.lint_findings import worst_first
from personalization.rules.nodes import Rule
from personalization.rules.whatif import suggestions
from personalization.segments.catalogue import catalogue
from personalization.segments.explanation import Reason, Why, explain, facts_for_rule
from personalization.segments.live import live_rules
from personalization.types import Json, JsonObject


@require_POST
def preview(request: HttpRequest) -> JsonResponse:
    """Answer what is wrong with the rule, or its sentence and how many visitors match now."""
    require_segments(request)
    try:
        asked = read_request(request)
    except NotJson as error:
        return JsonResponse({"message": str(error)}, status=400)
    known = catalogue()
    found = examine(asked.rule, slug=asked.slug, catalogue=known)
    answer: dict[str, Json] = {
        "sentence": sentence(found.rule, known) if found.rule else "",
        "problems": [_problem(problem) for problem in found.problems],
    }
    if found.rule and not found.problems:
        now = timezone.now()
        answer["oddities"] = _oddities(found.rule, known, now=now)
        answer["notes"] = list(notes(found.rule, known))
        answer |= head_count(found.rule, now=now)
    return JsonResponse(answer)


@require_safe
def visitors(request: HttpRequest) -> JsonResponse:
    """Answer whom the rule could be tried on: the visitors seen last."""
    require_profiles(request)
    recent = [{"id": each.pk, "label": label(each.profile)} for each in recent_snapshots()]
    return JsonResponse({"visitors": recent})


@require_POST
def trial(request: HttpRequest) -> JsonResponse:
    """Answer why the rule holds for one visitor or not."""
    require_profiles(request)
    try:
        asked = read_request(request)
    except NotJson as error:
        return JsonResponse({"message": str(error)}, status=400)
    snapshot = find_snapshot(asked.visitor)
    if snapshot is None:
        message = _("Nobody is known as “%(visitor)s”.") % {"visitor": asked.visitor}
        return JsonResponse({"message": message}, status=404)
    known = catalogue()
    found = examine(asked.rule, slug=asked.slug, catalogue=known)
    if found.rule is None or found.problems:
        message = _("Repair the rule first: it cannot be tried as it is.")
        return JsonResponse({"message": message}, status=422)
    now = timezone.now()
    facts = replace(facts_for_rule(snapshot, found.rule, live_rules()), context=asked.context)
    why = explain(found.rule, facts, known, now=now)
    if not may_see_values(request):
        why = replace(why, reasons=hidden_reasons(why.reasons))
    note_of_person(request, AuditEntry.Action.VIEWED, profile_id=snapshot.pk, by="trial of a rule")
    ways = suggestions(found.rule, facts, known, now=microseconds(now))
    changes: list[Json] = [way.words for way in ways]
    return JsonResponse({**_verdict(request, snapshot, why), "changes": changes})


def _problem(problem: Problem) -> JsonObject:
    return {
        "pointer": problem.pointer,
        "line": line_of(problem.pointer),
        "message": message_of(problem),
    }


def _oddities(rule: Rule, known: Catalogue, *, now: datetime) -> list[Json]:
    """Return what is valid and yet odd: parts that never hold, or add nothing."""
    findings = worst_first(lint_rule(rule, catalogue=known, now=microseconds(now)))
    return [
        {
            "pointer": found.pointer,
            "line": line_of(found.pointer),
            "message": f"{found.message} {found.advice}",
        }
        for found in findings
    ]


def _verdict(request: HttpRequest, snapshot: Snapshot, why: Why) -> JsonObject:
    site = cast(str, getattr(request, "current_app", "admin"))
    return {
        "id": snapshot.pk,
        "label": label(snapshot.profile),
        "url": reverse(
            "admin:personalization_profile_change", args=(snapshot.pk,), current_app=site
        ),
        "holds": why.holds,
        "when": when_words(why),
        "reasons": [reason_json(reason) for reason in why.reasons],
    }


def reason_json(reason: Reason) -> JsonObject:
    return {
        "text": reason.text,
        "holds": reason.holds,
        "actual": reason.actual,
        "reasons": [reason_json(each) for each in reason.reasons],
    }
