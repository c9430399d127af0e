"""Events as they were stored, and batches that wait to become some. Read-only."""

from __future__ import annotations

import json
from typing import Any

from django.contrib import admin, messages
from django.db.models import Func, IntegerField, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from personalization import hints
from personalization.admin.links import profile_link
from personalization.admin.read_only import ReadOnlyAdmin, may
from personalization.admin.visitors import identity_label
from personalization.admin.wording import moment_cell
from personalization.events.catalogue import known_events
from personalization.events.models import BufferedBatch, Event


class EventNameFilter(admin.SimpleListFilter):
    """The names the package knows; asking the table for all of its own would read all of it."""

    title = _("event")
    parameter_name = "name"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(name, name) for name in known_events()]

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


class JsonLength(Func):
    """The number of items of a JSON list, without fetching the list."""

    function = "JSON_ARRAY_LENGTH"
    output_field = IntegerField()

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        return self.as_sql(compiler, connection, function="JSONB_ARRAY_LENGTH", **context)


class StateFilter(admin.SimpleListFilter):
    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("waiting", _("Waiting")), ("parked", _("Parked"))]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[BufferedBatch]
    ) -> QuerySet[BufferedBatch]:
        if self.value() is None:
            return queryset
        return queryset.filter(parked_at__isnull=self.value() != "parked")


@admin.register(BufferedBatch)
class BufferedBatchAdmin(ReadOnlyAdmin):
    list_display = ("received", "source", "size", "state", "attempts", "error_shown")
    list_filter = (StateFilter, "source")
    list_select_related = ("source",)
    ordering = ("-parked_at", "pk")
    sortable_by = ()
    actions = ("try_again",)
    fields = (
        "source", "received_at", "state", "attempts", "parked_at", "error", "events_shown",
    )  # fmt: skip
    readonly_fields = ("state", "events_shown")

    class Media:
        css = {"all": ("personalization/admin/personalization.css",)}

    def get_queryset(self, request: HttpRequest) -> QuerySet[BufferedBatch]:
        batches: QuerySet[BufferedBatch] = super().get_queryset(request)
        return batches.defer("events").annotate(n_events=JsonLength("events"))

    def has_retry_permission(self, request: HttpRequest) -> bool:
        return may(request, "change", BufferedBatch)

    @admin.action(description=_("Try parked batches again"), permissions=["retry"])
    def try_again(self, request: HttpRequest, queryset: QuerySet[BufferedBatch]) -> None:
        """Put the parked ones among the selected back into the queue and wake a worker."""
        parked = BufferedBatch.objects.filter(
            pk__in=list(queryset.values_list("pk", flat=True)), parked_at__isnull=False
        )
        n = parked.update(parked_at=None, attempts=0)
        if n:
            hints.hint(hints.PROCESS_EVENTS)
        text = ngettext("%(n)s batch is tried again.", "%(n)s batches are tried again.", n)
        self.message_user(request, text % {"n": n}, messages.SUCCESS if n else messages.WARNING)

    @admin.display(description=_("received at"))
    def received(self, batch: BufferedBatch) -> str:
        return moment_cell(batch.received_at)

    @admin.display(description=_("events"), ordering="n_events")
    def size(self, batch: Any) -> int:
        return int(batch.n_events)

    @admin.display(description=_("state"))
    def state(self, batch: BufferedBatch) -> SafeString:
        parked = batch.parked_at is not None
        return format_html(
            '<span class="pz-state pz-state-{}">{}</span>',
            "broken" if parked else "pending",
            _("Parked") if parked else _("Waiting"),
        )

    @admin.display(description=_("last error"))
    def error_shown(self, batch: BufferedBatch) -> str:
        return batch.error if len(batch.error) <= 120 else f"{batch.error[:119]}…"

    @admin.display(description=_("events"))
    def events_shown(self, batch: BufferedBatch) -> SafeString:
        return _as_text(batch.events)
