"""The data map of this site: what the tracker collects and why, what is held that nothing uses,
and where data of people lie."""

from __future__ import annotations

from collections.abc import Sequence

from django.core.exceptions import PermissionDenied
from django.db import OperationalError
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from personalization.admin.bounded import bounded
from personalization.admin.read_only import ModelAdmin, may_view
from personalization.conf import settings
from personalization.events.collection import ALL
from personalization.reports.data_map import places
from personalization.reports.held import Held, held, unused
from personalization.reports.models import Report
from personalization.reports.uses import Uses, collected, uses_now

#: Milliseconds that one of the counts may take while somebody waits.
_PATIENCE = 5_000
_PAGE = "admin/personalization/report/data_map.html"
WORDS = {
    "event": gettext_lazy("Event"),
    "property": gettext_lazy("Property"),
    "trait": gettext_lazy("Trait"),
}


@require_safe
def data_map(request: HttpRequest, *, admin: ModelAdmin) -> HttpResponse:
    """Show it to who may see reports: it tells of the site, and of nobody."""
    if not may_view(request, Report):
        raise PermissionDenied
    found = uses_now()
    listed = _unused(found)
    context = {
        **admin.admin_site.each_context(request),
        "title": _("Data map"),
        "opts": admin.opts,
        "media": admin.media,
        "collected": collected(found),
        "collects_all": settings.COLLECT == ALL,
        "unused": [(WORDS[each.what], each) for each in listed or ()],
        "took_too_long": listed is None,
        "places": places(),
    }
    request.current_app = admin.admin_site.name
    return TemplateResponse(request, _PAGE, context)


def _unused(found: Uses) -> Sequence[Held] | None:
    """Return what is held without use; None if counting it would take too long."""
    try:
        with bounded(_PATIENCE):
            return unused(held(found))
    except OperationalError:
        return None
