"""Event schemas, and what was sent that does not fit them."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.db.models import Model, OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.formats import number_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from personalization.admin.personal_values import may_see_values
from personalization.admin.read_only import ModelAdmin, ReadOnlyAdmin, may
from personalization.admin.schema_form import SchemaForm
from personalization.admin.wording import moment_cell
from personalization.events.catalogue import SHIPPED
from personalization.events.models import EventSchema
from personalization.events.schemas import stored_form
from personalization.ingest.models import SchemaFinding

PROBLEMS = {
    "unknown_event": _("No schema has this name"),
    "wrong_type": _("Wrong type"),
    "missing_property": _("Missing"),
}


@admin.register(EventSchema)
class EventSchemaAdmin(ModelAdmin):
    form = SchemaForm
    change_list_template = "admin/personalization/eventschema/change_list.html"
    list_display = ("name", "origin", "n_properties", "active", "updated")
    list_filter = ("active",)
    search_fields = ("name", "description")
    search_help_text = _("Search by event or description")
    fields = ("name", "description", "active", "properties")

    class Media:
        css = {
            "all": (
                "personalization/admin/personalization.css",
                "personalization/admin/quarantine.css",
            )
        }

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Begin with what is shipped under the name that a link states."""
        name = request.GET.get("name", "")
        schema = SHIPPED.get(name)
        return {"name": name, "properties": stored_form(schema) if schema else {}}

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        replaced = set(EventSchema.objects.filter(active=True).values_list("name", flat=True))
        context = {
            "shipped": [
                (schema, sorted(schema.properties.items()), address_of(schema.name))
                for name, schema in sorted(SHIPPED.items())
                if name not in replaced
            ],
            **(extra_context or {}),
        }
        return super().changelist_view(request, context)

    @admin.display(description=_("is"))
    def origin(self, schema: EventSchema) -> str:
        if schema.name in SHIPPED:
            return gettext("in place of the shipped one")
        return gettext("your own")

    @admin.display(description=_("properties"))
    def n_properties(self, schema: EventSchema) -> int:
        return len(schema.properties)

    @admin.display(description=_("updated at"), ordering="updated_at")
    def updated(self, schema: EventSchema) -> str:
        return moment_cell(schema.updated_at)


def address_of(name: str) -> str:
    """Return where a schema of this name can be added."""
    return f"{reverse('admin:personalization_eventschema_add')}?{urlencode({'name': name})}"


class ProblemFilter(admin.SimpleListFilter):
    title = _("problem")
    parameter_name = "code"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return list(PROBLEMS.items())

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[SchemaFinding]
    ) -> QuerySet[SchemaFinding]:
        return queryset.filter(code=self.value()) if self.value() else queryset


@admin.register(SchemaFinding)
class SchemaFindingAdmin(ReadOnlyAdmin):
    list_display: tuple[str, ...] = (
        "event_shown",
        "problem",
        "example_shown",
        "times",
        "source",
        "last",
    )
    list_display_links = None
    list_filter = ("source", ProblemFilter)
    list_select_related = ("source",)
    search_fields = ("event", "pointer")
    search_help_text = _("Search by event or place")
    ordering = ("-last_seen", "-pk")
    sortable_by = ("times", "last")

    class Media:
        css = {
            "all": (
                "personalization/admin/personalization.css",
                "personalization/admin/quarantine.css",
            )
        }

    def get_list_display(self, request: HttpRequest) -> tuple[str, ...]:
        """Leave the examples out for who may not read what events of people say."""
        seen = may_see_values(request)
        return tuple(name for name in self.list_display if seen or name != "example_shown")

    def get_exclude(self, request: HttpRequest, obj: SchemaFinding | None = None) -> Any:
        return () if may_see_values(request) else ("example",)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """What was mended can be forgotten; it comes again if it was not."""
        return may(request, "delete", SchemaFinding)

    def get_queryset(self, request: HttpRequest) -> QuerySet[SchemaFinding]:
        return with_schemas(super().get_queryset(request))

    @admin.display(description=_("event"))
    def event_shown(self, finding: Any) -> SafeString:
        """Lead to the schema that mends it."""
        address = schema_address(finding.event, finding.schema)
        return format_html('<a href="{}">{}</a>', address, finding.event)

    @admin.display(description=_("problem"))
    def problem(self, finding: SchemaFinding) -> SafeString:
        told = '{} <span class="pz-told">{}</span>'
        return format_html(told, problem_words(finding.code), finding.pointer)

    @admin.display(description=_("looks like"))
    def example_shown(self, finding: SchemaFinding) -> SafeString | str:
        if not finding.example or finding.code == "unknown_event":
            return "–"
        return format_html('<code class="pz-key">{}</code>', finding.example)

    @admin.display(description=_("times"), ordering="n")
    def times(self, finding: SchemaFinding) -> str:
        return number_format(finding.n, force_grouping=True)

    @admin.display(description=_("last"), ordering="last_seen")
    def last(self, finding: SchemaFinding) -> str:
        return moment_cell(finding.last_seen, ago=True)


def problem_words(code: str) -> str:
    return str(PROBLEMS.get(code, code))


def with_schemas(findings: QuerySet[SchemaFinding]) -> QuerySet[Any]:
    """Add the number of the stored schema of each finding, if there is one, as `schema`."""
    schema = EventSchema.objects.filter(name=OuterRef("event")).values("pk")[:1]
    return findings.annotate(schema=Subquery(schema))


def schema_address(name: str, pk: int | None) -> str:
    """Return where the schema of an event is changed, or added when there is none yet."""
    if pk is None:
        return address_of(name)
    return reverse("admin:personalization_eventschema_change", args=(pk,))
