"""The menu of django CMS in which staff choose as whom they look at a page."""

from __future__ import annotations

from typing import Any

from cms.constants import REFRESH_PAGE
from cms.toolbar.utils import get_object_preview_url
from cms.toolbar_base import CMSToolbar
from cms.toolbar_pool import toolbar_pool
from django.urls import reverse
from django.utils.translation import gettext as _

from personalization.admin.preview import PAGE, may_preview, preview_link
from personalization.contrib.cms.on_page import segments_on
from personalization.delivery.ticket import Ticket
from personalization.delivery.visitor import visitor_of
from personalization.segments.models import Segment

MENU = "personalization"
#: So many segments are listed; the page that the last item leads to has them all.
LISTED = 20


@toolbar_pool.register
class PersonalizationToolbar(CMSToolbar):
    """Nothing here changes what is stored: a preview is a cookie of whoever looks."""

    def post_template_populate(self) -> None:
        visitor = visitor_of(self.request)
        if visitor is not None and may_preview(self.request):
            self._add_menu(visitor.used_ticket)

    def _add_menu(self, ticket: Ticket | None) -> None:
        menu = self.toolbar.get_or_create_menu(MENU, _("View as"))
        here = segments_on(self.toolbar.get_object())
        segments = Segment.objects.filter(active=True, internal=False)
        first = list(segments.filter(slug__in=here))
        rest = list(segments.exclude(slug__in=here)[: max(LISTED - len(first), 0)])
        for segment in first:
            self._add_item(menu, segment, ticket)
        if first and rest:
            menu.add_break()
        for segment in rest:
            self._add_item(menu, segment, ticket)
        menu.add_break()
        self._add_item(menu, None, ticket)
        menu.add_link_item(_("Somebody else…"), preview_link("segments", target=self._path))
        if ticket is not None:
            menu.add_break()
            menu.add_ajax_item(
                _("End preview"),
                reverse(f"{PAGE}_end"),
                data={"target": self._path},
                on_success=REFRESH_PAGE,
            )

    def _add_item(self, menu: Any, segment: Segment | None, ticket: Ticket | None) -> None:
        """Add who is in the segment and in no other one; None: in none at all."""
        ids = () if segment is None else (segment.pk,)
        chosen = {} if segment is None else {"segments": segment.pk}
        menu.add_ajax_item(
            _("Everyone else") if segment is None else segment.name,
            reverse(PAGE),
            data={"kind": "segments", "target": self._path, **chosen},
            active=ticket is not None and ticket.kind == "segments" and ticket.segments == ids,
            on_success=self._then,
        )

    @property
    def _path(self) -> str:
        return str(self.toolbar.request_path)

    @property
    def _then(self) -> str:
        """Where to go on: who edits a page sees all variants of it, whoever they pretend to be."""
        page = self.toolbar.get_object()
        if page is None or not self.toolbar.edit_mode_active:
            return str(REFRESH_PAGE)
        return str(get_object_preview_url(page))
