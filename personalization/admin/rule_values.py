"""Suggestions for the values of a rule: the most frequent ones that visitors have."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from django.http import HttpRequest, JsonResponse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_safe

from personalization.admin.personal_values import may_see_values
from personalization.admin.rule_request import require_profiles
from personalization.events.models import Event
from personalization.privacy.encryption import is_sealed
from personalization.profiles.models import Snapshot
from personalization.rules.need import ANY
from personalization.rules.reading import MAX_TEXT
from personalization.rules.where import value_at
from personalization.types import Json, JsonObject

#: The newest visitors or events that are looked at, and how many values are offered.
LOOKED_AT = 2000
OFFERED = 30
_SHOWN_TEXT = 100
#: Where the context of an event says what a request will say.
_IN_CONTEXT: Mapping[str, str] = {
    "path": "page.path",
    "referrer": "page.referrer",
    "utm.source": "campaign.source",
    "utm.medium": "campaign.medium",
    "utm.campaign": "campaign.name",
    "utm.term": "campaign.term",
    "utm.content": "campaign.content",
}


@require_safe
def values(request: HttpRequest) -> JsonResponse:
    """Answer the values that a trait, or a property of an event, has most often.

    `kind` is “trait”, “prop” or “context”, `field` the dotted name, `event` the event's name.
    """
    require_profiles(request)
    if not may_see_values(request):
        return JsonResponse({"values": []})
    kind, field = request.GET.get("kind", ""), request.GET.get("field", "")
    if kind not in ("trait", "prop", "context") or not 0 < len(field) <= MAX_TEXT:
        message = _("Values are known of a trait, of a property of an event, and of requests.")
        return JsonResponse({"message": message}, status=400)
    if kind == "trait":
        objects = _traits()
    elif kind == "prop":
        objects = _properties(request.GET.get("event", ""))
    else:
        objects, field = _contexts(), _IN_CONTEXT.get(field, "")
    counted = frequent(objects, path=tuple(field.split(".")))
    return JsonResponse({"values": [_offered(value, n, kind) for value, n in counted]})


def _contexts() -> Iterable[Mapping[str, Any]]:
    newest = Event.objects.order_by("-id")
    return newest.values_list("context", flat=True)[:LOOKED_AT]


def _traits() -> Iterable[Mapping[str, Any]]:
    newest = Snapshot.objects.exclude(traits={}).order_by("-last_seen")
    return newest.values_list("traits", flat=True)[:LOOKED_AT]


def _properties(event: str) -> Iterable[Mapping[str, Any]]:
    events = Event.objects.order_by("-id")
    if event != ANY:
        events = Event.objects.filter(name=event).order_by("-timestamp")
    return events.values_list("properties", flat=True)[:LOOKED_AT]


def frequent(
    objects: Iterable[Mapping[str, Any]], *, path: tuple[str, ...]
) -> list[tuple[Json, int]]:
    """Return the most frequent texts and numbers at `path`, with how often each was there.

    Long texts are no suggestion, nor is what is encrypted; and yes and no need none.
    """
    found: Counter[str | float] = Counter()
    for each in objects:
        value = value_at(path, each)
        short = isinstance(value, str) and 0 < len(value) <= _SHOWN_TEXT and not is_sealed(value)
        if short or (isinstance(value, int | float) and not isinstance(value, bool)):
            found[value] += 1  # type: ignore[index]  # narrowed above, in two ways
    ordered = sorted(found.items(), key=lambda item: (-item[1], str(item[0])))
    return [(value, n) for value, n in ordered[:OFFERED]]


def _offered(value: Json, n: int, kind: str) -> JsonObject:
    if kind == "trait":
        words = ngettext("%(n)s visitor", "%(n)s visitors", n)
    else:
        words = ngettext("%(n)s time", "%(n)s times", n)
    return {"value": value, "n": n, "words": words % {"n": n}}
