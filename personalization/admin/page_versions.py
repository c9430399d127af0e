"""How many versions of a page caches keep, so that a site owner sees what slots cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from personalization.admin.figures import rounded
from personalization.admin.read_only import ModelAdmin, may_view
from personalization.conf import settings
from personalization.delivery.models import Slot
from personalization.delivery.published import Published, published_now
from personalization.delivery.versions import (
    MANY,
    SAMPLE,
    PageVersions,
    hit_ratio,
    shares_of,
    versions_of_templates,
)
from personalization.segments.models import Segment

#: So many views of a page, while caches keep it, are what the share of answers is told for.
VIEWS = 1000
#: Of more templates, those with most versions are listed: each is asked of all of the sample.
LISTED = 20


@dataclass(frozen=True, kw_only=True)
class Line:
    """The pages of a template. `seen` are versions that the visitors of the sample really see,
    and `answered` is the part of views that caches answer; without a sample there is neither."""

    page: PageVersions
    segments: Sequence[str]
    seen: int
    answered: str
    many: bool


@require_safe
def page_versions(request: HttpRequest, *, admin: ModelAdmin) -> HttpResponse:
    """Show for each template with keyed slots what caches keep of its pages."""
    if not may_view(request, Slot):
        raise PermissionDenied
    config = published_now()
    pages = versions_of_templates(config)
    context = {
        **admin.admin_site.each_context(request),
        "title": _("Versions of pages"),
        "opts": admin.opts,
        "media": admin.media,
        "lines": lines(pages[:LISTED], config, now=timezone.now()),
        "more": len(pages[LISTED:]),
        "views": VIEWS,
        "sample": SAMPLE,
        "usual": settings.DELIVERY,
    }
    request.current_app = admin.admin_site.name
    return TemplateResponse(request, "admin/personalization/slot/versions.html", context)


def lines(pages: Sequence[PageVersions], config: Published, *, now: datetime) -> list[Line]:
    wanted = {slug for page in pages for slug in page.segments}
    names = dict(Segment.objects.filter(slug__in=wanted).values_list("slug", "name"))
    return [_line(page, names, config, now) for page in pages]


def _line(page: PageVersions, names: dict[str, str], config: Published, now: datetime) -> Line:
    shares = shares_of(page, config, now=now)
    return Line(
        page=page,
        segments=sorted(names.get(slug, slug) for slug in page.segments),
        seen=len(shares),
        answered=_percent(hit_ratio(shares, views=VIEWS)) if shares else "",
        many=page.versions > MANY,
    )


def _percent(part: float) -> str:
    return f"{rounded(100 * part, 1)} %"
