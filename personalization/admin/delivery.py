"""Slots and what can stand in them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, cast

from django import forms
from django.contrib import admin, messages
from django.db.models import Count, Q, QuerySet
from django.forms import ModelChoiceField
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from personalization.admin import preview, slot_inspection
from personalization.admin.page_versions import page_versions
from personalization.admin.read_only import ModelAdmin, StackedInline
from personalization.admin.slot_overview import overview
from personalization.admin.slot_state import COLOURS, STATES, counts_at
from personalization.delivery.models import Slot, Variation
from personalization.segments.models import Segment

CAPS = ("cap_total", "cap_daily", "cap_ignored")
View = Callable[..., HttpResponse]

#: Pages beside those of a slot, by the names of their addresses.
PAGES: Mapping[str, tuple[str, View]] = {
    "preview": ("preview", preview.preview),
    "versions": ("versions", page_versions),
}
#: What the bar and the panel on pages of the site ask.
ASKED: Mapping[str, tuple[str, View]] = {
    "preview_end": ("preview/end", preview.end),
    "inspect": ("inspect", slot_inspection.inspect),
    "why": ("inspect/why", slot_inspection.why),
}


class VariationInline(StackedInline):
    model = Variation
    extra = 0
    fieldsets = (
        (
            None,
            {"fields": ("segment", "name", "content", ("active", "priority", "share"), "holdout")},
        ),
        (_("When, and how often"), {"fields": (("starts_at", "ends_at"), CAPS)}),
    )

    def formfield_for_dbfield(self, db_field: Any, request: Any, **kwargs: Any) -> Any:
        if db_field.name == "content":
            attrs = {"rows": 6, "class": "vLargeTextField pz-code", "spellcheck": "false"}
            kwargs["widget"] = forms.Textarea(attrs=attrs)
        field: Any = super().formfield_for_dbfield(db_field, request, **kwargs)
        if db_field.name == "segment":
            field.widget.can_delete_related = False
        if db_field.name in CAPS:
            field.widget.attrs["placeholder"] = _("any")
        return field

    def formfield_for_foreignkey(
        self, db_field: Any, request: HttpRequest, **kwargs: Any
    ) -> ModelChoiceField[Any] | None:
        """Offer active segments, and those that variations use already."""
        if db_field.name == "segment":
            used = Variation.objects.values("segment")
            offered = Segment.objects.listed().filter(Q(active=True) | Q(pk__in=used))
            kwargs["queryset"] = offered
        field: Any = super().formfield_for_foreignkey(db_field, request, **kwargs)
        if db_field.name == "segment":
            field.choices = list(field.choices)  # read once, and not for each variation
        return cast("ModelChoiceField[Any] | None", field)


@admin.register(Slot)
class SlotAdmin(ModelAdmin):
    list_display = ("name", "slug", "variations", "state", "description")
    search_fields = ("name", "slug", "description")
    prepopulated_fields = {"slug": ("name",)}
    fieldsets = (
        (None, {"fields": ("name", "slug", "description", "strategy")}),
        (
            _("Waiting for the visitor"),
            {
                "fields": (("trigger", "trigger_value"), "presentation"),
                "description": _(
                    "A slot can wait for something that happens in the page. Only the browser "
                    "can see that, so the tag of the slot has to say “deferred”."
                ),
            },
        ),
        (
            _("How often, at most"),
            {
                "fields": (CAPS,),
                "description": _(
                    "Of all that the slot shows to one visitor; a variation can have numbers of "
                    "its own. Empty: any number of times. Whoever saw it often enough sees the "
                    "default."
                ),
            },
        ),
    )
    inlines = (VariationInline,)
    change_form_template = "admin/personalization/slot/change_form.html"
    change_list_template = "admin/personalization/slot/change_list.html"

    class Media:
        css = {"all": ("personalization/admin/personalization.css",)}

    def formfield_for_dbfield(self, db_field: Any, request: Any, **kwargs: Any) -> Any:
        if db_field.name == "description":
            kwargs["widget"] = forms.Textarea(attrs={"rows": 2, "class": "vLargeTextField"})
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Slot]:
        slots: QuerySet[Slot] = super().get_queryset(request)
        match = request.resolver_match
        is_list = match is not None and match.url_name == "personalization_slot_changelist"
        if not is_list:
            return slots
        return slots.annotate(n_variations=Count("variations"), **counts_at(timezone.now()))

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        context = {"may_preview": preview.may_preview(request), **(extra_context or {})}
        return super().changelist_view(request, context)

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        if (slot := kwargs.get("obj")) is not None:
            context["overview"] = overview(slot, request=request)
            if preview.may_preview(request):
                context["preview_url"] = preview.preview_link("segments")
        return super().render_change_form(request, context, *args, **kwargs)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Say of which contents nothing can be told any more."""
        super().save_related(request, form, formsets, change)
        none = form.instance.variations.filter(holdout=0, active=True).order_by("pk")
        if names := ", ".join(f"“{one}”" for one in none):
            words = gettext("Nobody is held out from %(names)s: it cannot be told what that earns.")
            messages.warning(request, words % {"names": names})

    @admin.display(description=_("variations"), ordering="n_variations")
    def variations(self, slot: Any) -> int:
        return int(slot.n_variations)

    @admin.display(description=_("state"), ordering="n_running")
    def state(self, slot: Any) -> str:
        """Say how many variations are running, scheduled, ended …"""
        found = ((state, getattr(slot, f"n_{state}")) for state in STATES)
        chips = ((COLOURS[state], n, STATES[state]) for state, n in found if n)
        chip = '<span class="pz-state pz-state-{}">{} {}</span>'
        return format_html_join(" ", chip, chips) or "–"

    def get_readonly_fields(self, request: HttpRequest, obj: Slot | None = None) -> tuple[str, ...]:
        """Templates name the slot by its slug, so it is kept once it is there."""
        return ("slug",) if obj else ()

    def get_prepopulated_fields(
        self, request: HttpRequest, obj: Slot | None = None
    ) -> dict[str, Sequence[str]]:
        return {} if obj else super().get_prepopulated_fields(request, obj)

    def get_urls(self) -> list[URLPattern]:
        pages: dict[str, tuple[str, View]] = {
            name: (route, partial(view, admin=self)) for name, (route, view) in PAGES.items()
        }
        own = [
            path(f"{route}/", self.admin_site.admin_view(view), name=f"personalization_slot_{name}")
            for name, (route, view) in {**pages, **ASKED}.items()
        ]
        return [*own, *super().get_urls()]

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Slot]) -> None:
        """Delete one by one: only `Slot.delete` makes the change known to the pages."""
        for slot in queryset:
            slot.delete()
