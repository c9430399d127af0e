"""Slots and what can stand in them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Count, Q, QuerySet
from django.forms import ModelChoiceField
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from personalization.admin.read_only import ModelAdmin, StackedInline
from personalization.delivery.models import Slot, Variation
from personalization.segments.models import Segment


class VariationInline(StackedInline):
    model = Variation
    extra = 0
    fields = ("segment", "name", "content", ("priority", "active"))

    def formfield_for_dbfield(self, db_field: Any, request: Any, **kwargs: Any) -> Any:
        if db_field.name == "content":
            attrs = {"rows": 6, "class": "vLargeTextField pz-code", "spellcheck": "false"}
            kwargs["widget"] = forms.Textarea(attrs=attrs)
        field: Any = super().formfield_for_dbfield(db_field, request, **kwargs)
        if db_field.name == "segment":
            field.widget.can_delete_related = False
        return field

    def formfield_for_foreignkey(
        self, db_field: Any, request: HttpRequest, **kwargs: Any
    ) -> ModelChoiceField[Any] | None:
        """Offer active segments, and those that variations use already."""
        if db_field.name == "segment":
            used = Variation.objects.values("segment")
            kwargs["queryset"] = Segment.objects.filter(Q(active=True) | Q(pk__in=used))
        return super().formfield_for_foreignkey(db_field, request, **kwargs)


@admin.register(Slot)
class SlotAdmin(ModelAdmin):
    list_display = ("name", "slug", "variations", "active_variations", "description")
    search_fields = ("name", "slug", "description")
    prepopulated_fields = {"slug": ("name",)}
    fields = ("name", "slug", "description")
    inlines = (VariationInline,)

    class Media:
        css = {"all": ("personalization/admin/personalization.css",)}

    def formfield_for_dbfield(self, db_field: Any, request: Any, **kwargs: Any) -> Any:
        if db_field.name == "description":
            kwargs["widget"] = forms.Textarea(attrs={"rows": 2, "class": "vLargeTextField"})
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Slot]:
        slots: QuerySet[Slot] = super().get_queryset(request)
        return slots.annotate(
            n_variations=Count("variations"),
            n_active=Count("variations", filter=Q(variations__active=True)),
        )

    @admin.display(description=_("variations"), ordering="n_variations")
    def variations(self, slot: Any) -> int:
        return int(slot.n_variations)

    @admin.display(description=_("active"), ordering="n_active")
    def active_variations(self, slot: Any) -> int:
        return int(slot.n_active)

    def get_readonly_fields(self, request: HttpRequest, obj: Slot | None = None) -> tuple[str, ...]:
        """Templates name the slot by its slug, so it is kept once it is there."""
        return ("slug",) if obj else ()

    def get_prepopulated_fields(
        self, request: HttpRequest, obj: Slot | None = None
    ) -> dict[str, Sequence[str]]:
        return {} if obj else super().get_prepopulated_fields(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Slot]) -> None:
        """Delete one by one: only `Slot.delete` makes the change known to the pages."""
        for slot in queryset:
            slot.delete()
