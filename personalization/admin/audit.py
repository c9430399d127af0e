"""The audit log: who saw or changed what. Read-only, for everybody."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from personalization.admin.audited import detail_words
from personalization.admin.read_only import ReadOnlyAdmin
from personalization.admin.wording import moment_cell
from personalization.privacy.models import AuditEntry

#: What entries are about, as the filter offers it.
KINDS = {
    "profile": _("people"),
    "segment": _("segments"),
    "slot": _("slots"),
    "source": _("sources"),
    "eventschema": _("event schemas"),
    "webhook": _("webhooks"),
    "interestweight": _("interest weights"),
    "consenttext": _("consent texts"),
    "preview": _("previews"),
    "report": _("reports"),
}
_PSEUDONYM = 64
_SHORT = 12


class KindFilter(admin.SimpleListFilter):
    title = _("about")
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return list(KINDS.items())

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[AuditEntry]
    ) -> QuerySet[AuditEntry]:
        return queryset.filter(kind=self.value()) if self.value() else queryset


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    list_display = ("when", "actor_name", "action", "about", "detail_shown")
    list_filter = ("action", KindFilter, "at")
    search_fields = ("=actor_name", "=name", "=number")
    search_help_text = _("Search by the exact user name, or by the name or number of a thing")
    date_hierarchy = "at"
    ordering = ("-at", "-pk")
    sortable_by = ()
    fields = ("at", "actor_name", "actor", "action", "about", "name", "number", "detail_shown")
    readonly_fields = ("about", "detail_shown")

    class Media:
        css = {"all": ("personalization/admin/personalization.css",)}

    @admin.display(description=_("at"))
    def when(self, entry: AuditEntry) -> str:
        return moment_cell(entry.at)

    @admin.display(description=_("about"))
    def about(self, entry: AuditEntry) -> SafeString:
        """Name the thing, with a link to it where it has a page and a number."""
        words = KINDS.get(entry.kind, entry.kind)
        name = short_name(entry.name) or entry.number
        address = _address(entry)
        if not address:
            return format_html("{} {}", words, name)
        return format_html('{} <a href="{}">{}</a>', words, address, name)

    @admin.display(description=_("detail"))
    def detail_shown(self, entry: AuditEntry) -> str:
        return detail_words(entry.detail) or "–"


def short_name(name: str) -> str:
    """Return the name; of a pseudonym only its beginning, which is enough to tell two apart."""
    return f"{name[:_SHORT]}…" if len(name) == _PSEUDONYM and name.isalnum() else name


def _address(entry: AuditEntry) -> str:
    if not entry.number or entry.action == AuditEntry.Action.DELETED:
        return ""
    try:
        return reverse(f"admin:personalization_{entry.kind}_change", args=(entry.number,))
    except NoReverseMatch:  # a kind that has no pages
        return ""
