"""The form of a segment: a rule is saved only if it means something."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from personalization.admin.rule_check import examine, problem_text
from personalization.admin.rule_editor import RuleField, missing_rule
from personalization.admin.segment_usage import segments_using
from personalization.admin.visitors import find_profiles
from personalization.segments.catalogue import catalogue
from personalization.segments.models import Segment

if TYPE_CHECKING:  # generic for the type checker only
    ModelForm = forms.ModelForm[Segment]
else:
    ModelForm = forms.ModelForm


class VisitorsField(forms.CharField):
    """Visitors, one a line: e-mail, user id, visitor id or profile id. Cleans to profile ids."""

    MOST = 200

    def __init__(self, **kwargs: Any) -> None:
        widget = forms.Textarea(attrs={"rows": 3, "class": "vLargeTextField"})
        super().__init__(required=False, widget=widget, **kwargs)

    def clean(self, value: Any) -> Any:
        lines = [line.strip() for line in super().clean(value).splitlines() if line.strip()]
        if len(lines) > self.MOST:
            message = _("%(most)s visitors at most can be named at once.")
            raise ValidationError(message % {"most": self.MOST})
        found = find_profiles(lines)
        if unknown := [line for line in lines if line not in found]:
            raise ValidationError(
                [_("Nobody is known as “%(visitor)s”.") % {"visitor": line} for line in unknown]
            )
        return list(found.values())


class SegmentForm(ModelForm):
    rule = RuleField(required=False, label=gettext_lazy("Rule"))
    put_in = VisitorsField(
        label=gettext_lazy("Put in"),
        help_text=gettext_lazy("One a line: e-mail, user id, visitor id or profile id."),
    )
    take_out = VisitorsField(label=gettext_lazy("Take out"))

    class Meta:
        model = Segment
        fields = ("name", "slug", "description", "kind", "rule", "active")
        widgets = {"description": forms.Textarea(attrs={"rows": 2, "class": "vLargeTextField"})}

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("kind") == Segment.Kind.RULE and "rule" in cleaned:
            self._check_rule(cleaned["rule"])
        if self.instance.pk and not cleaned.get("active", True):
            self._check_unused()
        return cleaned

    def _check_rule(self, rule: Any) -> None:
        if rule is None:
            self.add_error("rule", missing_rule())
            return
        slug = self.instance.slug or self.cleaned_data.get("slug", "")
        found = examine(rule, slug=slug, catalogue=catalogue())
        for problem in found.problems:
            self.add_error("rule", problem_text(problem))

    def _check_unused(self) -> None:
        """An inactive segment breaks the rules that speak of it, so those go first."""
        if users := segments_using(self.instance):
            names = ", ".join(f"“{segment.name}”" for segment in users)
            self.add_error(
                "active",
                _("The rule of %(names)s speaks of this segment; change it first.")
                % {"names": names},
            )
