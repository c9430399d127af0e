"""Events as they were stored, and batches that wait to become some. Read-only."""

from __future__ import annotations

import json
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from personalization.admin.links import profile_link
from personalization.admin.read_only import ReadOnlyAdmin
from personalization.admin.visitors import identity_label
from personalization.admin.wording import moment_cell
from personalization.events.models import BufferedBatch, Event
from personalization.events.schemas import schemas_in_force


class EventNameFilter(admin.SimpleListFilter):
    """The names the package knows; asking the table for all of its own would read all of it."""

    title = _("event")
    parameter_name = "name"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(name, name) for name in schemas_in_force()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Event]) -> QuerySet[Event]:
        return queryset.filter(name=self.value()) if self.value() else queryset


@admin.register(Event)
class EventAdmin(ReadOnlyAdmin):
    list_display = ("name", "who", "happened", "source", "type")
    list_filter = (EventNameFilter, "type", "source")
    list_select_related = ("identity", "source")
    search_fields = ("=message_id",)
    search_help_text = _("Search by the exact message id. The list ends after 10,000 events.")
    ordering = ("-pk",)
    sortable_by = ()
    fields = (
        "name", "type", "profile", "identity", "source", "message_id", "timestamp", "received_at",
        "properties_shown", "context_shown",
    )  # fmt: skip
    readonly_fields = ("profile", "properties_shown", "context_shown")

    class Media:
        css = {"all": ("personalization/admin/personalization.css",)}

    @admin.display(description=_("profile"))
    def profile(self, event: Event) -> SafeString:
        return profile_link(event.identity)

    @admin.display(description=_("visitor"))
    def who(self, event: Event) -> str:
        return identity_label(event.identity)

    @admin.display(description=_("happened at"))
    def happened(self, event: Event) -> str:
        return moment_cell(event.timestamp)

    @admin.display(description=_("properties"))
    def properties_shown(self, event: Event) -> SafeString:
        return _as_text(event.properties)

    @admin.display(description=_("context"))
    def context_shown(self, event: Event) -> SafeString:
        return _as_text(event.context)


def _as_text(value: Any) -> SafeString:
    text = json.dumps(value, ensure_ascii=False, indent=2)
    return format_html('<pre class="pz-json-text">{}</pre>', text)


@admin.register(BufferedBatch)
class BufferedBatchAdmin(ReadOnlyAdmin):
    list_display = ("received", "source", "n_events", "attempts", "error_shown")
    list_filter = ("source",)
    list_select_related = ("source",)
    ordering = ("-attempts", "pk")
    sortable_by = ()
    fields = ("source", "received_at", "n_events", "attempts", "error", "events_shown")
    readonly_fields = ("events_shown",)

    class Media:
        css = {"all": ("personalization/admin/personalization.css",)}

    def get_queryset(self, request: HttpRequest) -> QuerySet[BufferedBatch]:
        batches: QuerySet[BufferedBatch] = super().get_queryset(request)
        return batches.defer("payload")

    @admin.display(description=_("received at"))
    def received(self, batch: BufferedBatch) -> str:
        return moment_cell(batch.received_at)

    @admin.display(description=_("last error"))
    def error_shown(self, batch: BufferedBatch) -> str:
        return batch.error if len(batch.error) <= 120 else f"{batch.error[:119]}…"

    @admin.display(description=_("events"))
    def events_shown(self, batch: BufferedBatch) -> SafeString:
        return _as_text(json.loads(batch.payload))
