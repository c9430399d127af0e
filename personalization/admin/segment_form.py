"""The form of a segment: a rule is saved only if it means something."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib.admin.widgets import AdminSplitDateTime
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from personalization.admin.rule_check import examine, problem_text
from personalization.admin.rule_editor import RuleField, missing_rule
from personalization.admin.segment_usage import segments_using
from personalization.exceptions import MemberRejected
from personalization.segments.catalogue import catalogue
from personalization.segments.members import profiles_called
from personalization.segments.models import Segment

if TYPE_CHECKING:  # generic for the type checker only
    ModelForm = forms.ModelForm[Segment]
else:
    ModelForm = forms.ModelForm


#: What is left empty stays as it is.
_USUAL = {"priority", "weight"}


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
        found = profiles_called(lines)
        bad = [str(found[line]) for line in lines if isinstance(found[line], MemberRejected)]
        if bad:
            raise ValidationError(bad)
        return list(found.values())


class SegmentForm(ModelForm):
    rule = RuleField(required=False, label=gettext_lazy("Rule"))
    put_in = VisitorsField(
        label=gettext_lazy("Put in"),
        help_text=gettext_lazy("One a line: e-mail, user id, visitor id or profile id."),
    )
    put_in_until = forms.SplitDateTimeField(
        label=gettext_lazy("Until"),
        required=False,
        widget=AdminSplitDateTime,
        help_text=gettext_lazy("When those that are put in leave by themselves. Empty: never."),
    )
    take_out = VisitorsField(label=gettext_lazy("Take out"))
    note = forms.CharField(
        label=gettext_lazy("Note"),
        required=False,
        max_length=200,
        widget=forms.TextInput(attrs={"class": "vTextField"}),
        help_text=gettext_lazy("What changes and why, for the list of versions."),
    )

    class Meta:
        model = Segment
        fields = (
            "name",
            "slug",
            "description",
            "kind",
            "rule",
            "active",
            "ends_at",
            "priority",
            "weight",
        )
        widgets = {"description": forms.Textarea(attrs={"rows": 2, "class": "vLargeTextField"})}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in _USUAL & self.fields.keys():
            self.fields[name].required = False
        if "priority" in self.fields:  # a database that keeps more has no bound of its own
            self.fields["priority"].validators.append(MaxValueValidator(32767))

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        for name in _USUAL & cleaned.keys():
            if cleaned[name] is None:
                cleaned[name] = getattr(self.instance, name)
        self._check_until(cleaned.get("put_in_until"))
        ends_at = cleaned.get("ends_at")
        if ends_at is not None and ends_at <= timezone.now() and cleaned.get("put_in"):
            self.add_error("put_in", _("The segment has ended: nobody can come in."))
        if cleaned.get("kind") == Segment.Kind.RULE and "rule" in cleaned:
            self._check_rule(cleaned["rule"])
        if self.instance.pk and not cleaned.get("active", True):
            self._check_unused()
        return cleaned

    def _check_until(self, until: datetime | None) -> None:
        if until is not None and until <= timezone.now():
            self.add_error("put_in_until", _("This is over already."))

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
