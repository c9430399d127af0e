"""The form of an experiment: what is compared comes first, then who sees it, and how it is judged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from personalization.admin.experiment_contents import About, segments_with_versions, slots
from personalization.admin.experiment_fields import PercentField, RampField
from personalization.experiments.bucketing import Range
from personalization.experiments.changes import moves
from personalization.experiments.drafts import Draft, drafted
from personalization.experiments.models import Experiment
from personalization.experiments.validation import field_faults, neighbours

if TYPE_CHECKING:  # generic for the type checker only
    ModelForm = forms.ModelForm[Experiment]
else:
    ModelForm = forms.ModelForm

_Kind = Experiment.Kind
#: What a model calls None in a draft.
_ABSENT: Mapping[str, Any] = {"ramp": [], "seed": "", "namespace": "", "place": ""}


class BeginningForm(forms.Form):
    """What is compared, and where: the rest of the form follows from that."""

    kind = forms.ChoiceField(
        label=gettext_lazy("What do you compare?"),
        choices=[
            (_Kind.VARIATIONS, gettext_lazy("Contents of a slot")),
            (_Kind.STRATEGIES, gettext_lazy("What a slot shows when several contents match")),
            (_Kind.RULES, gettext_lazy("Versions of the rule of a segment")),
            (_Kind.MODELS, gettext_lazy("Versions of what recommends")),
        ],
        widget=forms.RadioSelect,
        initial=_Kind.VARIATIONS,
    )
    slot = forms.ChoiceField(label=gettext_lazy("Slot"), required=False)
    only_in = forms.ChoiceField(label=gettext_lazy("Where"), required=False)
    segment = forms.ChoiceField(label=gettext_lazy("Segment"), required=False)
    list = forms.SlugField(
        label=gettext_lazy("List"),
        required=False,
        help_text=gettext_lazy("As templates name it; empty: all lists."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        fields: dict[str, Any] = self.fields
        found = slots()
        fields["slot"].choices = found
        fields["only_in"].choices = [("", _("in all slots")), *found]
        fields["segment"].choices = segments_with_versions()

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        needed = {_Kind.VARIATIONS: "slot", _Kind.RULES: "segment"}.get(data.get("kind", ""))
        if needed and not data.get(needed) and not self.errors.get(needed):
            self.add_error(needed, _("Choose one."))
        return data

    @property
    def about(self) -> About:
        """What a valid form says."""
        data = self.cleaned_data
        match data["kind"]:
            case _Kind.VARIATIONS:
                return About(_Kind.VARIATIONS, data["slot"])
            case _Kind.STRATEGIES:
                return About(_Kind.STRATEGIES, data["only_in"])
            case _Kind.RULES:
                return About(_Kind.RULES, segment=data["segment"])
            case kind:
                return About(kind, data["list"])


class ExperimentForm(ModelForm):
    """All but the arms and the metrics."""

    coverage = PercentField(
        initial=1.0,
        label=gettext_lazy("Share of visitors (%)"),
        help_text=gettext_lazy("So many of them take part. It can be raised later, not lowered."),
    )
    namespace_from = PercentField(label=gettext_lazy("From (%)"), initial=0.0)
    namespace_until = PercentField(label=gettext_lazy("Until (%)"), initial=1.0)
    ramp = RampField(
        label=gettext_lazy("Later shares"),
        required=False,
        help_text=gettext_lazy("An instant and a share in each line: “2026-12-01 09:00 50 %”."),
    )

    class Meta:
        model = Experiment
        fields = (
            "name", "slug", "hypothesis", "kind", "place", "audience", "coverage", "ramp",
            "namespace", "namespace_from", "namespace_until", "starts_at", "ends_at",
            "allocation", "seed", "conclusion",
        )  # fmt: skip
        widgets = {
            "kind": forms.HiddenInput,
            "place": forms.HiddenInput,
            "hypothesis": forms.Textarea(attrs={"rows": 2, "class": "vLargeTextField"}),
            "conclusion": forms.Textarea(attrs={"rows": 2, "class": "vLargeTextField"}),
        }
        help_texts = {
            "hypothesis": gettext_lazy("“A deadline in the hero makes more visitors order.”"),
            "slug": gettext_lazy("Events and results are kept under it; it stays as it is."),
            "audience": gettext_lazy("Empty: all visitors. Only who is in it then takes part."),
            "namespace": gettext_lazy(
                "Experiments of one namespace whose parts do not overlap share no visitors."
            ),
            "starts_at": gettext_lazy("Empty: as soon as it is started."),
            "ends_at": gettext_lazy("Empty: until it is stopped."),
            "seed": gettext_lazy("What visitors are hashed with; empty: the slug."),
            "allocation": gettext_lazy("Fixed shares are right unless you know better."),
        }

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        if self.errors or self.instance.status == Experiment.Status.STOPPED:
            return data
        before = drafted(self.instance, arms=(), primaries=1)
        after = self._draft(before, data)
        faults = field_faults(after, running=neighbours(beside=after.slug))
        if self.instance.status == Experiment.Status.RUNNING:
            faults = (*faults, *moves(before, after, now=timezone.now()))
        for fault in faults:
            self.add_error(fault.field if fault.field in self.fields else None, fault.message)
        return data

    def _draft(self, before: Draft, data: Mapping[str, Any]) -> Draft:
        """Return the draft as it would be; what the form does not have stays."""
        named: dict[str, Any] = {
            name: data[name] if data[name] is not None else _ABSENT.get(name)
            for name in (
                "slug", "name", "kind", "place", "coverage", "ramp", "namespace", "starts_at",
                "ends_at", "allocation", "seed",
            )
            if name in data
        }  # fmt: skip
        held = Range(
            data.get("namespace_from", before.held.start),
            data.get("namespace_until", before.held.end),
        )
        audience = before.audience
        if "audience" in data:
            audience = data["audience"].pk if data["audience"] else None
        return replace(before, **named, held=held, audience=audience)
