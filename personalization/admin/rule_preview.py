"""What a rule as edited would do: its sentence, its number of visitors, one visitor's trace.

The editor asks these views while somebody types. They use what production uses:
the same parser, the same SQL and the same evaluation in memory.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.db import OperationalError, connection, transaction
from django.http import HttpRequest, JsonResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from personalization.admin.explanation import Reason, Why, explain, facts_for_rule
from personalization.admin.read_only import may, may_view
from personalization.admin.rule_check import examine, line_of, message_of
from personalization.admin.rule_json import NotJson, read_json
from personalization.admin.visitors import find_snapshot, label, recent_snapshots
from personalization.admin.wording import share_words, when_words
from personalization.exceptions import Problem
from personalization.profiles.models import Profile, Snapshot
from personalization.rules.explain import sentence
from personalization.rules.nodes import Rule
from personalization.segments.catalogue import catalogue
from personalization.segments.live import live_rules
from personalization.segments.models import Segment
from personalization.segments.population import count_matching
from personalization.types import Json, JsonObject

#: A count that takes longer is given up: it would be asked again at the next key.
COUNT_MILLISECONDS = 5000


@require_POST
def preview(request: HttpRequest) -> JsonResponse:
    """Answer what is wrong with the rule, or its sentence and how many visitors match now."""
    _require_segments(request)
    try:
        data, slug, _visitor = _read_request(request)
    except NotJson as error:
        return JsonResponse({"message": str(error)}, status=400)
    known = catalogue()
    found = examine(data, slug=slug, catalogue=known)
    answer: dict[str, Json] = {
        "sentence": sentence(found.rule, known) if found.rule else "",
        "problems": [_problem(problem) for problem in found.problems],
    }
    if found.rule and not found.problems:
        answer |= _population(found.rule)
    return JsonResponse(answer)


@require_safe
def visitors(request: HttpRequest) -> JsonResponse:
    """Answer whom the rule could be tried on: the visitors seen last."""
    _require_profiles(request)
    recent = [{"id": each.pk, "label": label(each.profile)} for each in recent_snapshots()]
    return JsonResponse({"visitors": recent})


@require_POST
def trial(request: HttpRequest) -> JsonResponse:
    """Answer why the rule holds for one visitor or not."""
    _require_profiles(request)
    try:
        data, slug, visitor = _read_request(request)
    except NotJson as error:
        return JsonResponse({"message": str(error)}, status=400)
    snapshot = find_snapshot(visitor)
    if snapshot is None:
        message = _("Nobody is known as “%(visitor)s”.") % {"visitor": visitor}
        return JsonResponse({"message": message}, status=404)
    known = catalogue()
    found = examine(data, slug=slug, catalogue=known)
    if found.rule is None or found.problems:
        message = _("Repair the rule first: it cannot be tried as it is.")
        return JsonResponse({"message": message}, status=422)
    now = timezone.now()
    facts = facts_for_rule(snapshot, found.rule, live_rules())
    why = explain(found.rule, facts, known, now=now)
    return JsonResponse(_verdict(request, snapshot, why))


def _require_segments(request: HttpRequest) -> None:
    if not (may_view(request, Segment) or may(request, "add", Segment)):
        raise PermissionDenied


def _require_profiles(request: HttpRequest) -> None:
    _require_segments(request)
    if not may_view(request, Profile):
        raise PermissionDenied


def _read_request(request: HttpRequest) -> tuple[Json, str, str]:
    """Return rule, slug of the segment and visitor of the request.

    :raises NotJson:
    """
    try:
        data = read_json(request.body)
    except RequestDataTooBig:
        raise NotJson("The rule is too large.") from None
    if not isinstance(data, Mapping):
        raise NotJson
    return data.get("rule"), str(data.get("slug") or ""), str(data.get("visitor") or "").strip()


def _problem(problem: Problem) -> JsonObject:
    return {
        "pointer": problem.pointer,
        "line": line_of(problem.pointer),
        "message": message_of(problem),
    }


def _population(rule: Rule) -> JsonObject:
    total = Snapshot.objects.count()
    count = _count_in_time(rule)
    if count is None:
        return {"count": None, "total": total, "words": _("Counting the visitors takes too long.")}
    words = ngettext(
        "of %(total)s visitor matches right now", "of %(total)s visitors match right now", total
    )
    return {
        "count": count,
        "shown": number_format(count, force_grouping=True),
        "total": total,
        "words": words % {"total": number_format(total, force_grouping=True)},
        "share": share_words(count, total),
    }


def _count_in_time(rule: Rule) -> int | None:
    """Return how many visitors match now; None if the database gives up."""
    now = timezone.now()
    if connection.vendor != "postgresql":
        return count_matching(rule, now=now)
    try:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute(f"SET LOCAL statement_timeout = {COUNT_MILLISECONDS:d}")
            return count_matching(rule, now=now)
    except OperationalError:
        return None


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
        "reasons": [_reason_json(reason) for reason in why.reasons],
    }


def _reason_json(reason: Reason) -> JsonObject:
    return {
        "text": reason.text,
        "holds": reason.holds,
        "actual": reason.actual,
        "reasons": [_reason_json(each) for each in reason.reasons],
    }
