"""What events say of liking the items that they concern: edited in the list, with what is
shipped below."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from personalization.admin.event_names import warn_of_unknown
from personalization.admin.interest import EventInput
from personalization.admin.read_only import ModelAdmin
from personalization.ml.item_events import QUICK_EXIT, SHIPPED
from personalization.ml.models import FeedbackWeight

if TYPE_CHECKING:  # generic for the type checker only
    ModelForm = forms.ModelForm[FeedbackWeight]
else:
    ModelForm = forms.ModelForm

#: A view is worth 1; what says more than this much more is a slip of the pen.
MOST = 100.0
#: Longest name of a property.
LONGEST = 100


class WeightForm(ModelForm):
    """Refuses weights that make no sense, here and in the list."""

    class Meta:
        model = FeedbackWeight
        fields = ("event", "weight", "property")
        widgets = {"event": EventInput(attrs={"class": "vTextField"})}

    def clean_event(self) -> str:
        return str(self.cleaned_data["event"]).strip()

    def clean_weight(self) -> float:
        weight = float(self.cleaned_data["weight"])
        if not -MOST <= weight <= MOST:
            raise ValidationError(
                _("%(weight)s is no weight; allowed: %(least)s to %(most)s, 0 for an event that "
                  "does not count."),
                params={"weight": f"{weight:g}", "least": f"{-MOST:g}", "most": f"{MOST:g}"},
            )  # fmt: skip
        return weight

    def clean_property(self) -> str:
        name = str(self.cleaned_data["property"]).strip()
        if len(name) > LONGEST or not name.isprintable():
            raise ValidationError(
                _("No property is called like this; allowed: a name of up to %(n)s characters."),
                params={"n": LONGEST},
            )
        return name

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        told = self.cleaned_data
        if told.get("event") == QUICK_EXIT and told.get("property"):
            self.add_error(
                "property", _("A quick exit is no event of a client: it has no properties.")
            )
        return cleaned


@admin.register(FeedbackWeight)
class FeedbackWeightAdmin(ModelAdmin):
    form = WeightForm
    change_list_template = "admin/personalization/feedbackweight/change_list.html"
    list_display = ("event", "weight", "property", "origin")
    list_editable = ("weight",)
    list_per_page = 100
    search_fields = ("event",)
    search_help_text = gettext_lazy("Search by event")

    class Media:
        css = {"all": ("personalization/admin/personalization.css",)}

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Begin with what is shipped for the event that a link states."""
        event = request.GET.get("event", "")
        shipped = SHIPPED.get(event)
        return {"event": event, "weight": shipped.weight if shipped else 1}

    def get_changelist_form(self, request: HttpRequest, **kwargs: Any) -> Any:
        return super().get_changelist_form(request, **{**kwargs, "form": WeightForm})

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        replaced = set(FeedbackWeight.objects.values_list("event", flat=True))
        add = reverse("admin:personalization_feedbackweight_add")
        context = {
            "shipped": [
                (event, number_format(shipped.weight), f"{add}?{urlencode({'event': event})}")
                for event, shipped in SHIPPED.items()
                if event not in replaced
            ],
            **(extra_context or {}),
        }
        return super().changelist_view(request, context)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if obj.event == QUICK_EXIT:
            return
        warn_of_unknown(request, obj.event)
        if obj.event in _WITHOUT_ITEM and not obj.property and obj.weight:
            words = _("“%(event)s” names no item by itself: state the property with its key.")
            messages.warning(request, words % {"event": obj.event})

    @admin.display(description=gettext_lazy("is"))
    def origin(self, weight: FeedbackWeight) -> str:
        shipped = SHIPPED.get(weight.event)
        if shipped is None:
            return _("your own")
        return _("in place of the shipped %(n)s") % {"n": number_format(shipped.weight)}


#: Events of which the spec names no key of an item.
_WITHOUT_ITEM = frozenset({"Page Viewed", "Screen Viewed", "Form Submitted", "Element Clicked"})
