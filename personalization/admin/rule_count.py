"""How many visitors a rule as edited matches: at once, and then exactly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import OperationalError
from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from personalization.admin.bounded import bounded, stop
from personalization.admin.figures import about, number
from personalization.admin.rule_check import examine
from personalization.admin.rule_json import NotJson
from personalization.admin.rule_request import read_request, require_segments
from personalization.admin.wording import share_words
from personalization.profiles.models import Snapshot
from personalization.rules.catalogue import Catalogue
from personalization.rules.nodes import Rule
from personalization.segments.catalogue import catalogue
from personalization.segments.estimate import Estimate, estimate_matching
from personalization.segments.population import count_matching
from personalization.segments.possible import possible
from personalization.types import Json, JsonObject

#: A count that takes longer is given up: it would be asked again at the next key.
COUNT_MILLISECONDS = 5000
#: The same of a count of everybody, which somebody waits for and can stop.
WHOLE_MILLISECONDS = 30_000
#: With more visitors than these, a sample answers first.
LARGE = 10_000


@dataclass(frozen=True, kw_only=True)
class Head:
    """A number of visitors. `up_to`: it is of those that could match in some request."""

    count: int
    total: int
    up_to: bool
    estimate: Estimate | None = None

    def to_json(self) -> JsonObject:
        return {
            "count": self.count,
            "shown": self._shown(),
            "total": self.total,
            "words": self._words(),
            "share": share_words(self.count, self.total),
            "estimate": self.estimate is not None,
        }

    def _shown(self) -> str:
        low, high = (self.count,) * 2 if self.estimate is None else self.estimate.interval()
        text = about(self.count, low=low, high=high)
        return _("up to %(n)s") % {"n": text} if self.up_to and self.count else text

    def _words(self) -> str:
        if self.up_to:
            words = ngettext(
                "of %(total)s visitor can match", "of %(total)s visitors can match", self.total
            )
        else:
            words = ngettext(
                "of %(total)s visitor matches right now",
                "of %(total)s visitors match right now",
                self.total,
            )
        return words % {"total": number(self.total)}


def head_count(rule: Rule, *, now: datetime) -> JsonObject:
    """Return how many visitors a linked rule matches; of very many, an estimate."""
    total = Snapshot.objects.count()
    try:
        with bounded(COUNT_MILLISECONDS):
            return _counted(rule, now=now, total=total, whole=total <= LARGE).to_json()
    except OperationalError:
        words = _("Counting the visitors takes too long.")
        return {"count": None, "total": total, "words": words, "estimate": total > LARGE}


def _counted(rule: Rule, *, now: datetime, total: int, whole: bool) -> Head:
    rest = possible(rule)
    up_to = rule.live_only
    if isinstance(rest, bool):
        return Head(count=total if rest else 0, total=total, up_to=up_to)
    if whole:
        return Head(count=count_matching(rest, now=now), total=total, up_to=up_to)
    found = estimate_matching(rest, now=now, total=total)
    estimate = None if found.looked_at >= total else found
    return Head(count=found.count, total=total, up_to=up_to, estimate=estimate)


def notes(rule: Rule, known: Catalogue) -> Sequence[str]:
    """Return what the count of a linked rule leaves out, in sentences."""
    left_out = list(dict.fromkeys(leaf.sentence(known) for leaf in rule.leaves() if leaf.live_only))
    if not left_out:
        return []
    return [
        _("Only known when a page is asked for, so left out of the number: %(conditions)s.")
        % {"conditions": "; ".join(left_out)},
        _("Nobody is stored as a member: whether the rule holds is decided anew for each page."),
    ]


@require_POST
def count(request: HttpRequest) -> JsonResponse:
    """Answer how many visitors match, everybody counted."""
    require_segments(request)
    try:
        asked = read_request(request)
    except NotJson as error:
        return JsonResponse({"message": str(error)}, status=400)
    found = examine(asked.rule, slug=asked.slug, catalogue=catalogue())
    if found.rule is None or found.problems:
        message = _("Repair the rule first: it cannot be counted as it is.")
        return JsonResponse({"message": message}, status=422)
    total = Snapshot.objects.count()
    answer: JsonObject
    try:
        with bounded(WHOLE_MILLISECONDS, name=_name(request, asked.ticket)):
            answer = _counted(found.rule, now=timezone.now(), total=total, whole=True).to_json()
    except OperationalError:
        nothing: Json = None
        answer = {"count": nothing, "words": _("Counting everybody takes too long.")}
    return JsonResponse(answer)


@require_POST
def cancel(request: HttpRequest) -> JsonResponse:
    """Stop a running count of the same user, and answer how many there were."""
    require_segments(request)
    try:
        asked = read_request(request)
    except NotJson as error:
        return JsonResponse({"message": str(error)}, status=400)
    stopped = stop(_name(request, asked.ticket)) if asked.ticket else 0
    return JsonResponse({"stopped": stopped})


def _name(request: HttpRequest, ticket: str) -> str:
    """Return the name of a count: nobody can stop another's."""
    return f"pz-count-{request.user.pk}-{ticket}"[:63]
