"""Goals: the events that a site wants to happen."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.http import HttpRequest
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from personalization.admin.event_names import warn_of_unknown
from personalization.admin.interest import EventInput
from personalization.admin.read_only import ModelAdmin
from personalization.events.goals import Goal
from personalization.rules.reading import can_be_named

if TYPE_CHECKING:  # generic for the type checker only
    ModelForm = forms.ModelForm[Goal]
else:
    ModelForm = forms.ModelForm

_DAY = timedelta(days=1)
#: Longest time within which an outcome is waited for, in days: what is predicted over more
#: than a year is learned from visitors of years ago.
MOST_DAYS = 365
_LEAST_DAYS = 1 / 24


class DaysField(forms.FloatField):
    """A time in days; half a day is 0.5."""

    def __init__(self, **options: Any) -> None:
        super().__init__(
            widget=forms.NumberInput(attrs={"step": "any"}),
            validators=[MinValueValidator(_LEAST_DAYS), MaxValueValidator(MOST_DAYS)],
            **options,
        )

    def prepare_value(self, value: Any) -> Any:
        return round(value / _DAY, 4) if isinstance(value, timedelta) else value

    def clean(self, value: Any) -> Any:
        days = super().clean(value)
        return None if days is None else timedelta(seconds=round(days * _DAY.total_seconds()))

    def has_changed(self, initial: Any, data: Any) -> bool:
        return super().has_changed(self.prepare_value(initial), data)


class GoalForm(ModelForm):
    within = DaysField(
        label=gettext_lazy("Within days"),
        initial=Goal._meta.get_field("within").default,
        help_text=gettext_lazy("How soon after an instant it has to happen to count for it."),
    )

    class Meta:
        model = Goal
        fields = ("name", "slug", "event", "value_property", "within", "is_active")
        widgets = {"event": EventInput(attrs={"class": "vTextField"})}
        help_texts = {
            "slug": gettext_lazy("Models publish propensity.SLUG; it stays as it is."),
            "event": gettext_lazy("As it is sent, such as Order Completed."),
            "value_property": gettext_lazy(
                "A property with a number, such as total. Empty: each counts the same."
            ),
        }

    def clean_slug(self) -> str:
        slug = str(self.cleaned_data["slug"])
        if not can_be_named(slug):
            raise ValidationError(
                _("No rule could name the feature propensity.%(slug)s: begin with a letter."),
                params={"slug": slug},
            )
        return slug

    def clean_event(self) -> str:
        return str(self.cleaned_data["event"]).strip()


@admin.register(Goal)
class GoalAdmin(ModelAdmin):
    form = GoalForm
    list_display = ("name", "slug", "event", "value_property", "time", "is_active")
    list_filter = ("is_active",)
    search_fields = ("name", "slug", "event")
    search_help_text = gettext_lazy("Search by name or event")
    prepopulated_fields = {"slug": ("name",)}

    class Media:
        css = {"all": ("personalization/admin/personalization.css",)}

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Keep the slug: rules may look at the feature that is called after it."""
        return ("slug",) if obj else ()

    def get_prepopulated_fields(self, request: HttpRequest, obj: Any = None) -> dict[str, Any]:
        return {} if obj else {"slug": ("name",)}

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        warn_of_unknown(request, obj.event)

    @admin.display(description=gettext_lazy("within"), ordering="within")
    def time(self, goal: Goal) -> str:
        days = round(goal.within / _DAY, 2)
        n = number_format(days if days % 1 else int(days))
        return ngettext("%(n)s day", "%(n)s days", 1 if days == 1 else 2) % {"n": n}
