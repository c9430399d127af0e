"""How many looked at what, by the counts of those whom nobody knows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Sum
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from personalization.admin.read_only import ReadOnlyAdmin
from personalization.admin.wording import share_words
from personalization.conf import settings
from personalization.ingest.audience import DEVICE, OTHERS, PAGE, REFERRER, TOTAL, day_of
from personalization.ingest.audience_models import AudienceCount
from personalization.types import EXEMPT

#: How many days can be looked at, the usual first.
PERIODS: Final = (30, 90, 365)
#: Lines of a table.
LISTED: Final = 20
#: Height of the chart, and the width of a day in it, in units of its own.
HEIGHT, STEP = 100, 10

_DEVICES: Final[Mapping[str, Promise]] = {
    "mobile": _("phones"),
    "tablet": _("tablets"),
    "desktop": _("computers"),
}


@dataclass(frozen=True, kw_only=True)
class Day:
    """One day: what was counted, and how high its bars are of `HEIGHT`."""

    day: date
    views: int
    visitors: int
    x: int
    views_height: float
    visitors_height: float

    @property
    def views_top(self) -> float:
        return HEIGHT - self.views_height

    @property
    def visitors_top(self) -> float:
        return HEIGHT - self.visitors_height


@dataclass(frozen=True, kw_only=True)
class Line:
    """What was counted under a name. Who came on two days counts for both."""

    name: str | Promise
    views: int
    visitors: int
    share: str


@dataclass(frozen=True, kw_only=True)
class Table:
    heading: Promise
    lines: Sequence[Line]


def days_of(first: date, *, last: date) -> list[Day]:
    """Return each day of the period (one query), also those on which nobody came."""
    totals = AudienceCount.objects.filter(kind=TOTAL, day__range=(first, last))
    counted = {day: (views, visitors) for day, views, visitors in totals.values_list(
        "day", "views", "visitors"
    )}  # fmt: skip
    most = max((views for views, _ in counted.values()), default=0) or 1
    days = []
    for number in range((last - first).days + 1):
        day = first + timedelta(days=number)
        views, visitors = counted.get(day, (0, 0))
        days.append(
            Day(
                day=day,
                views=views,
                visitors=visitors,
                x=number * STEP,
                views_height=round(HEIGHT * views / most, 2),
                visitors_height=round(HEIGHT * visitors / most, 2),
            )
        )
    return days


def lines_of(kind: str, *, first: date, last: date, of: int) -> list[Line]:
    """Return what was seen most of a kind (one query); `of` are all views of the period."""
    rows = (
        AudienceCount.objects.filter(kind=kind, day__range=(first, last))
        .values_list("name")
        .annotate(views=Sum("views"), visitors=Sum("visitors"))
        .order_by("-views", "name")
    )
    return [
        Line(
            name=_named(kind, name),
            views=views,
            visitors=visitors,
            share=share_words(views, of),
        )
        for name, views, visitors in rows[:LISTED]
    ]


def _named(kind: str, name: str) -> str | Promise:
    if name == OTHERS:
        return _("all others")
    return _DEVICES.get(name, name) if kind == DEVICE else name


@admin.register(AudienceCount)
class AudienceAdmin(ReadOnlyAdmin):
    change_list_template = "admin/personalization/audiencecount/page.html"

    class Media:
        css = {
            "all": (
                "personalization/admin/personalization.css",
                "personalization/admin/audience.css",
            )
        }

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the figures in place of a list of counts."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        period = _period(request.GET.get("days", ""))
        last = day_of(timezone.now())
        first = last - timedelta(days=period - 1)
        days = days_of(first, last=last)
        views = sum(day.views for day in days)
        context = {
            **self.admin_site.each_context(request),
            "title": _("Audience"),
            "opts": self.opts,
            "media": self.media,
            "is_on": settings.PRIVACY == EXEMPT,
            "period": period,
            "periods": PERIODS,
            "first": first,
            "last": last,
            "days": days,
            "newest_first": days[::-1],
            "views": views,
            "visitors": sum(day.visitors for day in days),
            "width": period * STEP,
            "height": HEIGHT,
            "tables": [
                Table(heading=heading, lines=lines_of(kind, first=first, last=last, of=views))
                for kind, heading in (
                    (PAGE, _("Pages")), (REFERRER, _("Came from")), (DEVICE, _("Devices")),
                )
            ],
            **(extra_context or {}),
        }  # fmt: skip
        request.current_app = self.admin_site.name
        return TemplateResponse(request, self.change_list_template, context)


def _period(stated: str) -> int:
    """Return the days that an address states, or the usual number of them."""
    return next((days for days in PERIODS if str(days) == stated), PERIODS[0])
