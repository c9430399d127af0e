"""Metrics: the numbers that experiments are judged by."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from personalization.admin.experiment_goals import goals_of, silent_goals
from personalization.admin.goals import DaysField
from personalization.admin.read_only import ModelAdmin
from personalization.experiments.models import Metric

if TYPE_CHECKING:  # generic for the type checker only
    ModelForm = forms.ModelForm[Metric]
else:
    ModelForm = forms.ModelForm

_Kind = Metric.Kind
#: Kinds that count a goal; the others know by themselves what they count.
OF_GOALS: Final = frozenset({_Kind.CONVERSION, _Kind.COUNT, _Kind.VALUE, _Kind.RATIO})
#: Of these, less is better, as a rule.
_LESS: Final = frozenset({_Kind.BOUNCE})


class MetricForm(ModelForm):
    within = DaysField(
        label=gettext_lazy("Within days"),
        required=False,
        help_text=gettext_lazy(
            "How long after a visitor first saw the experiment it counts. Empty: as the goal says."
        ),
    )

    class Meta:
        model = Metric
        fields = (
            "name", "slug", "kind", "goal", "per", "within", "less_is_better", "winsorise",
        )  # fmt: skip
        help_texts = {
            "goal": gettext_lazy("What is counted, or what is earned by it."),
            "per": gettext_lazy("Only for a ratio: what the goal is divided by."),
            "less_is_better": gettext_lazy("For a bounce, or for returns."),
            "winsorise": gettext_lazy(
                "0.99 counts the largest hundredth of all values as the value below it, so that "
                "one large order does not decide. Empty: as they are."
            ),
        }

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        kind, goal = data.get("kind"), data.get("goal")
        if kind in OF_GOALS and goal is None and "goal" not in self.errors:
            self.add_error("goal", _("Choose the goal that it counts."))
        if kind == _Kind.VALUE and goal is not None and not goal.value_property:
            words = _("“%(goal)s” says of no property what it is worth: add one to the goal.")
            self.add_error("goal", ValidationError(words, params={"goal": goal}))
        if kind == _Kind.RATIO and data.get("per") is None and "per" not in self.errors:
            self.add_error("per", _("Choose what it is divided by."))
        if kind not in OF_GOALS and goal is not None:
            self.add_error("goal", _("This kind counts no goal: leave it empty."))
        if kind != _Kind.RATIO and data.get("per") is not None:
            self.add_error("per", _("Only a ratio is divided by something: leave it empty."))
        return data


@admin.register(Metric)
class MetricAdmin(ModelAdmin):
    form = MetricForm
    list_display = ("name", "slug", "kind", "goal", "less_is_better")
    list_filter = ("kind",)
    list_select_related = ("goal",)
    search_fields = ("name", "slug")
    prepopulated_fields = {"slug": ("name",)}

    class Media:
        css = {"all": ("personalization/admin/personalization.css",)}

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Keep the slug: what was found is kept by it."""
        return ("slug",) if obj else ()

    def get_prepopulated_fields(self, request: HttpRequest, obj: Any = None) -> dict[str, Any]:
        return {} if obj else {"slug": ("name",)}

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        for sentence in silent_goals(goals_of([obj]), now=timezone.now()):
            messages.warning(request, sentence)
        if obj.kind in _LESS and not obj.less_is_better:
            messages.warning(request, _("More of it counts as better: is that what you mean?"))
