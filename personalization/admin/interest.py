"""What events weigh in the interest score: edited in the list, with what is shipped below."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from personalization import hints
from personalization.admin.read_only import ModelAdmin
from personalization.events.schemas import schemas_in_force
from personalization.profiles.features import SHIPPED_WEIGHTS
from personalization.segments.interest import InterestWeight


class EventInput(forms.TextInput):
    """A text with the events that have a schema as suggestions."""

    template_name = "personalization/admin/event_input.html"

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        context = super().get_context(name, value, attrs)
        context["events"] = sorted(schemas_in_force())
        context["list_id"] = context["widget"]["attrs"]["list"] = "pz-known-events"
        return context


@admin.register(InterestWeight)
class InterestWeightAdmin(ModelAdmin):
    change_list_template = "admin/personalization/interestweight/change_list.html"
    list_display = ("event", "weight", "origin")
    list_editable = ("weight",)
    list_per_page = 100
    search_fields = ("event",)
    search_help_text = _("Search by event")
    fields = ("event", "weight")

    class Media:
        css = {"all": ("personalization/admin/personalization.css",)}

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Begin with what is shipped for the event that a link states."""
        event = request.GET.get("event", "")
        return {"event": event, "weight": SHIPPED_WEIGHTS.get(event, 1)}

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "event":
            kwargs["widget"] = EventInput(attrs={"class": "vTextField"})
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        replaced = set(InterestWeight.objects.values_list("event", flat=True))
        add = reverse("admin:personalization_interestweight_add")
        context = {
            "shipped": [
                (event, points, f"{add}?{urlencode({'event': event})}")
                for event, points in SHIPPED_WEIGHTS.items()
                if event not in replaced
            ],
            **(extra_context or {}),
        }
        return super().changelist_view(request, context)

    @admin.display(description=_("is"))
    def origin(self, weight: InterestWeight) -> str:
        shipped = SHIPPED_WEIGHTS.get(weight.event)
        if shipped is None:
            return gettext("your own")
        return gettext("in place of the shipped %(n)s") % {"n": shipped}

    # Scores of all visitors follow at once, not with the next sweep.

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        hints.hint(hints.REFRESH_SEGMENTS)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        super().delete_model(request, obj)
        hints.hint(hints.REFRESH_SEGMENTS)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        super().delete_queryset(request, queryset)
        hints.hint(hints.REFRESH_SEGMENTS)
