"""The arms of an experiment and the metrics it is judged by, edited below it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count
from string import ascii_lowercase
from typing import TYPE_CHECKING, Any

from django import forms
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from personalization.admin.experiment_contents import Offer, about, known_for, offers
from personalization.admin.experiment_fields import PercentField
from personalization.admin.read_only import StackedInline
from personalization.experiments.changes import arm_moves
from personalization.experiments.drafts import ArmDraft, drafted
from personalization.experiments.models import Arm, Experiment, Measure
from personalization.experiments.validation import Fault, arm_faults, blocking

if TYPE_CHECKING:  # generic for the type checker only
    ArmModelForm = forms.ModelForm[Arm]
    ArmBase = forms.BaseInlineFormSet[Arm, Experiment, "ArmForm"]
    MeasureBase = forms.BaseInlineFormSet[Measure, Experiment, Any]
else:
    ArmModelForm = forms.ModelForm
    ArmBase = MeasureBase = forms.BaseInlineFormSet

_Status = Experiment.Status


class ArmForm(ArmModelForm):
    """What one arm shows. Its key is given to it, and stays."""

    content = forms.ChoiceField(label=gettext_lazy("Shows"), required=False)
    weight = PercentField(label=gettext_lazy("Share (%)"))

    class Meta:
        model = Arm
        fields = ("content", "name", "weight")
        help_texts = {"name": gettext_lazy("As results call it; empty: by what it shows.")}

    def __init__(self, *args: Any, offers: Sequence[Offer] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["content"]
        choices = [(offer.content, offer.label) for offer in offers]
        kept = self.instance.content
        if _is_saved(self) and kept not in dict(choices):
            lost = _("%(content)s (is not there any more, or not active)") % {"content": kept}
            choices = [*choices, (kept, lost)]
        field.choices = choices

    def has_changed(self) -> bool:
        """An arm that is only as it was suggested is meant, too."""
        is_given = bool(self.is_bound and self.data.get(self.add_prefix("weight")))
        return super().has_changed() or (is_given and not _is_saved(self))


class ArmFormSet(ArmBase):
    """The arms together: their shares, and no content twice."""

    offered: Sequence[Offer] = ()

    def get_form_kwargs(self, index: int | None) -> dict[str, Any]:
        return {**super().get_form_kwargs(index), "offers": self.offered}

    def clean(self) -> None:
        super().clean()
        kept = list(self._kept())
        if any(form.errors for form in kept):
            return
        self._call(kept)
        arms = [_arm(form) for form in kept]
        draft = drafted(self.instance, arms=arms, primaries=1)
        known = known_for(about(self.instance, [arm.content for arm in arms]))
        faults: Sequence[Fault] = blocking(arm_faults(draft, known=known))
        if self.instance.status == _Status.RUNNING:
            faults = (*faults, *arm_moves(drafted(self.instance, primaries=1), draft))
        _tell(faults, kept)
        refused = [fault.message for fault in faults if fault.arm is None]
        if refused:
            raise forms.ValidationError(refused)

    def _kept(self) -> Iterator[ArmForm]:
        forms: Sequence[Any] = self.forms
        for form in forms:
            is_meant = _is_saved(form) or form.has_changed()
            if is_meant and not (self.can_delete and form.cleaned_data.get("DELETE")):
                yield form

    def _call(self, kept: Sequence[ArmForm]) -> None:
        """Give each arm its place, and a new one the first letter that is free."""
        taken = {form.instance.key for form in self.forms if _is_saved(form)}
        for place, form in enumerate(kept):
            form.instance.position = place
            if not _is_saved(form):
                form.instance.key = next(key for key in _keys() if key not in taken)
                taken.add(form.instance.key)


class MeasureFormSet(MeasureBase):
    """A running experiment keeps a metric that decides."""

    def clean(self) -> None:
        super().clean()
        if self.instance.status != _Status.RUNNING:
            return
        roles = [
            form.cleaned_data.get("role")
            for form in self.forms
            if form.cleaned_data and not form.cleaned_data.get("DELETE")
        ]
        if Measure.Role.PRIMARY not in roles:
            raise forms.ValidationError(
                _("One metric has to decide while it runs: it could not be told which is better.")
            )


class _Inline(StackedInline):
    """What a stopped experiment was, it stays."""

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return not _is_over(obj) and super().has_change_permission(request, obj)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return not _is_over(obj) and super().has_add_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return not _is_over(obj) and super().has_delete_permission(request, obj)

    def get_extra(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> int:
        return 0 if obj is not None else self.extra


class ArmInline(_Inline):
    model = Arm
    form = ArmForm
    formset: Any = ArmFormSet
    fields = (("content", "weight"), "name")
    extra = 2
    verbose_name_plural = gettext_lazy("arms: the first is what the others are compared with")

    def get_formset(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        """Offer what can be shown where the experiment is."""
        formset: Any = super().get_formset(request, obj, **kwargs)
        what = getattr(request, "experiment_about", None)
        if obj is not None:
            arms = obj.arms.order_by("position", "pk").values_list("content", flat=True)
            what = about(obj, list(arms))
        formset.offered = offers(what) if what is not None else ()
        return formset


class MeasureInline(_Inline):
    model = Measure
    formset: Any = MeasureFormSet
    fields = (("metric", "role"),)
    extra = 1
    verbose_name_plural = gettext_lazy("metrics it is judged by")

    def formfield_for_dbfield(self, db_field: Any, request: Any, **kwargs: Any) -> Any:
        field: Any = super().formfield_for_dbfield(db_field, request, **kwargs)
        if db_field.name == "metric":
            bare(field.widget, can_add=True)
        return field


def bare(widget: Any, *, can_add: bool = False) -> None:
    """Leave out the buttons beside a choice that change what is chosen."""
    widget.can_change_related = widget.can_delete_related = widget.can_view_related = False
    widget.can_add_related = widget.can_add_related and can_add


def _is_over(experiment: Experiment | None) -> bool:
    return experiment is not None and experiment.status == _Status.STOPPED


def _is_saved(form: Any) -> bool:
    return form.instance.pk is not None


def _keys() -> Iterator[str]:
    yield from ascii_lowercase
    yield from (f"arm-{n}" for n in count(27))


def _arm(form: ArmForm) -> ArmDraft:
    data = form.cleaned_data
    return ArmDraft(form.instance.key, data.get("content", ""), data.get("weight") or 0.0)


def _tell(faults: Sequence[Fault], forms: Sequence[ArmForm]) -> None:
    for fault in faults:
        if fault.arm is not None:
            forms[fault.arm].add_error(fault.field, fault.message)
