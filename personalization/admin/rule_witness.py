"""Made-up visitors for a rule as edited: somebody who enters, and how they leave again."""

from __future__ import annotations

from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from personalization.admin.rule_check import examine
from personalization.admin.rule_json import NotJson
from personalization.admin.rule_request import read_request, require_segments
from personalization.clock import microseconds
from personalization.rules.witness import Witness, witnesses
from personalization.segments.catalogue import catalogue
from personalization.types import JsonObject


@require_POST
def made_up(request: HttpRequest) -> JsonResponse:
    """Answer what a made-up visitor does to enter, and to leave."""
    require_segments(request)
    try:
        asked = read_request(request)
    except NotJson as error:
        return JsonResponse({"message": str(error)}, status=400)
    known = catalogue()
    found = examine(asked.rule, slug=asked.slug, catalogue=known)
    if found.rule is None or found.problems:
        message = _("Repair the rule first: nobody can enter it as it is.")
        return JsonResponse({"message": message}, status=422)
    made = witnesses(found.rule, now=microseconds(timezone.now()), catalogue=known)
    parts = [
        _part("in", _("enters the segment"), made.enters),
        _part("out", _("and leaves it again"), made.leaves),
    ]
    return JsonResponse({"parts": [part for part in parts if part], "reason": made.reason})


def _part(mark: str, title: str, witness: Witness | None) -> JsonObject | None:
    if witness is None:
        return None
    return {"mark": mark, "title": title, "steps": list(witness.steps)}
