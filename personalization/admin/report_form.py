"""What somebody says who publishes a report: what is counted, and how much of the budget it may cost."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from personalization.reports.budget import SMALLEST, Budget, shown
from personalization.reports.counting import countable_segments
from personalization.reports.definitions import (
    MOST,
    Definition,
    DefinitionRejected,
    Funnel,
    SegmentSizes,
)
from personalization.reports.models import Report

#: Of what is left, a report costs so much unless it is changed.
_USUAL = 0.2
_LONGEST_NAME = 200
KINDS: Mapping[str, Any] = {
    Report.Kind.SEGMENTS.value: gettext_lazy("Sizes of segments"),
    Report.Kind.FUNNEL.value: gettext_lazy("Steps of a funnel"),
}


class ReportForm(forms.Form):
    """Everything that a report is made of; which of the fields count is up to `kind`."""

    title = forms.CharField(label=gettext_lazy("Title"), max_length=200)
    kind = forms.ChoiceField(
        label=gettext_lazy("What is counted"),
        choices=list(KINDS.items()),
        widget=forms.RadioSelect,
        initial=Report.Kind.SEGMENTS.value,
    )
    segments = forms.MultipleChoiceField(
        label=gettext_lazy("Segments"), required=False, widget=forms.CheckboxSelectMultiple
    )
    steps = forms.CharField(
        label=gettext_lazy("Steps"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 4, "class": "vLargeTextField pz-code"}),
        help_text=gettext_lazy("Names of events, one in each line, in their order."),
    )
    days = forms.IntegerField(
        label=gettext_lazy("Days"),
        min_value=1,
        max_value=750,
        initial=30,
        required=False,
        help_text=gettext_lazy("So far back the events are looked at."),
    )
    hours = forms.IntegerField(
        label=gettext_lazy("Hours for all steps"),
        min_value=1,
        max_value=24 * 750,
        initial=24,
        required=False,
        help_text=gettext_lazy("From the first step to the last."),
    )
    epsilon = forms.FloatField(
        label=gettext_lazy("Privacy it may cost (ε)"),
        min_value=SMALLEST,
        help_text=gettext_lazy("More of it makes the counts more exact, and leaves less."),
    )

    def __init__(self, *args: Any, budget: Budget, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.budget = budget
        fields: dict[str, Any] = self.fields
        fields["segments"].choices = [(each.slug, each.name) for each in countable_segments()]
        fields["epsilon"].initial = min(_USUAL, budget.left)
        fields["epsilon"].widget.attrs.update({"step": "any", "max": budget.left})

    def clean_epsilon(self) -> float:
        epsilon = float(self.cleaned_data["epsilon"])
        if epsilon > self.budget.left:
            raise forms.ValidationError(
                _("%(epsilon)s is more than the %(left)s that is left."),
                params={"epsilon": shown(epsilon), "left": shown(self.budget.left)},
            )
        return epsilon

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        if self.errors:
            return data
        try:
            data["definition"] = self._definition(data)
        except DefinitionRejected as error:
            funnel = data["kind"] == Report.Kind.FUNNEL
            self.add_error("steps" if funnel else "segments", str(error))
        return data

    def _definition(self, data: Mapping[str, Any]) -> Definition:
        if data["kind"] == Report.Kind.SEGMENTS:
            return SegmentSizes(slugs=tuple(data["segments"]))
        steps = tuple(line.strip() for line in data["steps"].splitlines() if line.strip())
        for step in steps:
            if len(step) > _LONGEST_NAME:
                raise DefinitionRejected(
                    _("“%(name)s…” is longer than the name of an event.") % {"name": step[:40]}
                )
        now = timezone.now()
        return Funnel(
            steps=steps,
            window=timedelta(hours=data["hours"] or self.fields["hours"].initial),
            since=now - timedelta(days=data["days"] or self.fields["days"].initial),
            until=now,
        )

    @property
    def most(self) -> int:
        """How many counts a report may have."""
        return MOST
