"""What is popular and what rises: with everybody, with the members of a segment, in a category."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext as _

from personalization.admin.figures import number, rounded
from personalization.admin.read_only import ModelAdmin, may_view
from personalization.admin.wording import moment_cell
from personalization.ml.models import Item
from personalization.ml.serving.popular import HALF_LIVES, Popular
from personalization.ml.serving.popular_now import popular
from personalization.segments.models import Segment

#: So many items are shown.
SHOWN: Final = 50
_PAGE: Final = "admin/personalization/item/popular.html"


@dataclass(frozen=True, kw_only=True)
class Line:
    """An item of the list; `item` is None where nothing is known of it but its key."""

    position: int
    key: str
    item: Item | None
    #: As a share of the first, in percent.
    percent: str
    #: How much all did with it, in views, by half-life.
    worths: Sequence[str]
    rise: str
    rises: bool


def popular_items(model_admin: ModelAdmin, request: HttpRequest) -> HttpResponse:
    """Show what is popular now, or what rises."""
    if not may_view(request, Item):
        raise PermissionDenied
    everything = popular(now=timezone.now())
    segments = _segments(everything) if may_view(request, Segment) else {}
    segment = segments.get(request.GET.get("segment", ""))
    category = request.GET.get("category", "")[:200]
    rising = segment is None and request.GET.get("order") == "rising"
    found = everything.rising if rising else everything
    if segment is not None:
        found = everything.among({str(segment.serving_id)})
    count = everything.count
    context = {
        **model_admin.admin_site.each_context(request),
        "opts": model_admin.opts,
        "media": model_admin.media,
        "title": _("What is popular"),
        "lines": _lines(found, everything, category=category),
        "counted": count and {
            "events": number(count.events),
            "at": moment_cell(count.at),
            "since": moment_cell(count.since),
        },
        "spans": [_("15 minutes"), _("6 hours"), _("7 days")],
        "segments": segments,
        "segment": segment,
        "categories": _categories(everything),
        "category": category,
        "rising": rising,
    }  # fmt: skip
    return TemplateResponse(request, _PAGE, context)


def _lines(found: Popular, everything: Popular, *, category: str) -> list[Line]:
    ranked = found.ranked
    if category:
        keys = set(_known(found).filter(category=category).values_list("key", flat=True))
        ranked = [pair for pair in ranked if pair[0] in keys]
    shown = list(islice(ranked, SHOWN))
    items = {item.key: item for item in Item.objects.filter(key__in=[key for key, _s in shown])}
    most = shown[0][1] if shown else 1.0
    worths = everything.count.worths if everything.count else {}
    return [
        Line(
            position=position,
            key=key,
            item=items.get(key),
            percent=rounded(100 * score / most, 0),
            worths=[rounded(worth, 1) for worth in worths.get(key, (0.0,) * len(HALF_LIVES))],
            rise=rounded(everything.rise.get(key, 1.0), 2),
            rises=everything.rise.get(key, 1.0) > 1,
        )
        for position, (key, score) in enumerate(shown, start=1)
    ]


def _segments(found: Popular) -> Mapping[str, Segment]:
    """Return the segments of whose members something is told, by number."""
    listed = Segment.objects.listed().filter(serving__isnull=False).order_by("name")
    return {str(one.pk): one for one in listed if str(one.serving_id) in found.groups}


def _categories(found: Popular) -> list[str]:
    """Return the categories of what is popular."""
    named = _known(found).exclude(category="").order_by("category")
    return list(named.values_list("category", flat=True).distinct())


def _known(found: Popular) -> Any:
    return Item.objects.filter(key__in=list(found.scores))
