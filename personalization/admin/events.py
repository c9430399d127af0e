"""Events as they were stored, and batches that wait to become some. Read-only."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from personalization.admin.audited import note_of_person
from personalization.admin.links import profile_link
from personalization.admin.personal_values import may_see_values, told_values
from personalization.admin.read_only import ReadOnlyAdmin
from personalization.admin.visitors import identity_label
from personalization.admin.wording import moment_cell
from personalization.events.models import BufferedBatch, Event
from personalization.events.schemas import schemas_in_force
from personalization.privacy.models import AuditEntry


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
    readonly_fields = (
        "profile", "properties_shown", "context_shown", "properties_hidden", "context_hidden",
    )  # fmt: skip

    class Media:
        css = {"all": ("personalization/admin/personalization.css",)}

    def get_fields(self, request: HttpRequest, obj: Event | None = None) -> tuple[str, ...]:
        return as_may_be_seen(request, self.fields)

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        if (event := kwargs.get("obj")) is not None:
            viewed = AuditEntry.Action.VIEWED
            note_of_person(request, viewed, profile_id=event.identity.profile_id, event=event.name)
        return super().render_change_form(request, context, *args, **kwargs)

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

    @admin.display(description=_("properties"))
    def properties_hidden(self, event: Event) -> SafeString:
        return _as_text(event.properties, seen=False)

    @admin.display(description=_("context"))
    def context_hidden(self, event: Event) -> SafeString:
        return _as_text(event.context, seen=False)


def as_may_be_seen(request: HttpRequest, fields: Sequence[str]) -> tuple[str, ...]:
    """Return the fields, those with values of people in the form that has none for who may not."""
    if may_see_values(request):
        return tuple(fields)
    return tuple(name.replace("_shown", "_hidden") for name in fields)


def _as_text(value: Any, *, seen: bool = True) -> SafeString:
    text = json.dumps(told_values(value, seen=seen), ensure_ascii=False, indent=2)
    return format_html('<pre class="pz-json-text">{}</pre>', text)


@admin.register(BufferedBatch)
class BufferedBatchAdmin(ReadOnlyAdmin):
    list_display = ("received", "source", "n_events", "attempts", "error_shown")
    list_filter = ("source",)
    list_select_related = ("source",)
    ordering = ("-attempts", "pk")
    sortable_by = ()
    fields = (
        "source", "received_at", "n_events", "attempts", "error", "events_shown",
    )  # fmt: skip
    readonly_fields = ("events_shown", "events_hidden")

    class Media:
        css = {"all": ("personalization/admin/personalization.css",)}

    def get_fields(self, request: HttpRequest, obj: BufferedBatch | None = None) -> tuple[str, ...]:
        return as_may_be_seen(request, self.fields)

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

    @admin.display(description=_("events"))
    def events_hidden(self, batch: BufferedBatch) -> SafeString:
        return _as_text(json.loads(batch.payload), seen=False)
